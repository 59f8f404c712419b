resource "google_cloud_scheduler_job" "tick" {
  name             = "${var.name}-tick"
  description      = "Finds what is due and was not woken: a run whose instance died, a wake-up that was lost."
  region           = local.region
  schedule         = var.tick_minutes == 60 ? "0 * * * *" : "*/${var.tick_minutes} * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "${max(15, var.timeout)}s"

  http_target {
    uri         = local.urls["control"]
    http_method = "POST"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode({ flux = { action = "tick" } }))

    oidc_token {
      service_account_email = google_service_account.invoker.email
      audience              = local.urls["control"]
    }
  }

  retry_config {
    retry_count = 0 # a minute later the next one comes
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}
