locals {
  services = join(" OR ", [for name in sort(values(local.names)) : "\"${name}\""])
  logs     = "resource.type=\"cloud_run_revision\" AND resource.labels.location=\"${local.region}\" AND resource.labels.service_name=(${local.services})"
}

# What the functions' logs say, as figures that an alert can watch.

resource "google_logging_metric" "runs_failed" {
  name        = "${var.name}/runs-failed"
  description = "Runs that have failed, by workflow."
  filter      = "${local.logs} AND jsonPayload.flux.type=\"workflow:error\""

  label_extractors = { workflow = "EXTRACT(jsonPayload.flux.workflowName)" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key        = "workflow"
      value_type = "STRING"
    }
  }
}

resource "google_logging_metric" "due_age" {
  name            = "${var.name}/due-age"
  description     = "Seconds for which the oldest due run has been due; each tick measures it."
  filter          = "${local.logs} AND jsonPayload.flux.metric=\"DueAge\""
  value_extractor = "EXTRACT(jsonPayload.flux.value)"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "s"
  }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = 32
      growth_factor      = 1.5
      scale              = 1
    }
  }
}
