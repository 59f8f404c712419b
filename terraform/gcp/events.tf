# Events of Google's services, or of your own, that start a run.

resource "google_eventarc_trigger" "orders" {
  count = var.event_filters == null ? 0 : 1

  name            = var.name
  location        = local.region
  service_account = google_service_account.invoker.email
  labels          = var.labels

  dynamic "matching_criteria" {
    for_each = var.event_filters

    content {
      attribute = matching_criteria.key
      value     = matching_criteria.value
    }
  }

  destination {
    cloud_run_service {
      service = google_cloudfunctions2_function.this["order_event"].name
      region  = local.region
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker, google_project_iam_member.eventarc]
}
