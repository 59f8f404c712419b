locals {
  to_functions = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = one_of(${join(", ", [for name in sort(values(local.names)) : "\"${name}\""])})"
  of_dead      = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.dead_orders.name}\""

  # An alarm is raised when the metric is above `limit` throughout `seconds`, aligned in periods of `period` seconds.
  alarms = merge(
    {
      for workflow in var.workflows : "runs-fail-${workflow}" => {
        description = "A run of ${workflow} has failed. See which, and why: flux list --status failed."
        filter      = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.runs_failed.name}\" AND metric.labels.workflow = \"${workflow}\""
        aligner     = "ALIGN_DELTA"
        reducer     = "REDUCE_SUM"
        limit       = 0
        period      = 300
        seconds     = 0
        absent      = null
      }
    },
    {
      dead-orders = {
        description = "Messages lie in ${google_pubsub_subscription.dead_orders.name}, as they were. Mend the reason, then publish them again."
        filter      = "${local.of_dead} AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
        aligner     = "ALIGN_MAX"
        reducer     = "REDUCE_MAX"
        limit       = 0
        period      = 60
        seconds     = 0
        absent      = null
      }
      runs-late = {
        description = "Runs are due and nobody goes on with them, or the tick itself does not come."
        filter      = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.due_age.name}\""
        aligner     = "ALIGN_PERCENTILE_99"
        reducer     = "REDUCE_MAX"
        limit       = var.due_age_limit
        period      = 60 * var.tick_minutes
        seconds     = 300 * var.tick_minutes
        absent      = "${300 * var.tick_minutes}s" # each tick measures it: silence means that none came
      }
      function-fails = {
        description = "The functions answer with errors, or run into their time-out."
        filter      = "${local.to_functions} AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
        aligner     = "ALIGN_DELTA"
        reducer     = "REDUCE_SUM"
        limit       = 0
        period      = 60
        seconds     = 120
        absent      = null
      }
      function-throttled = {
        description = "Cloud Run turns requests away. Raise max_instances, or take orders more slowly."
        filter      = "${local.to_functions} AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code = \"429\""
        aligner     = "ALIGN_DELTA"
        reducer     = "REDUCE_SUM"
        limit       = 0
        period      = 60
        seconds     = 180 # a burst is taken up by the queues; three minutes are no burst
        absent      = null
      }
    },
  )
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alarms

  display_name          = "${var.name}-${each.key}"
  combiner              = "OR"
  notification_channels = var.notify
  user_labels           = var.labels

  documentation {
    content   = each.value.description
    mime_type = "text/markdown"
  }

  conditions {
    display_name = "above ${each.value.limit}"

    condition_threshold {
      filter                  = each.value.filter
      comparison              = "COMPARISON_GT"
      threshold_value         = each.value.limit
      duration                = "${each.value.seconds}s"
      evaluation_missing_data = each.value.seconds == 0 ? null : "EVALUATION_MISSING_DATA_INACTIVE"

      aggregations {
        alignment_period     = "${each.value.period}s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
      }
    }
  }

  dynamic "conditions" {
    for_each = each.value.absent == null ? [] : [each.value.absent]

    content {
      display_name = "silent for ${conditions.value}"

      condition_absent {
        filter   = each.value.filter
        duration = conditions.value

        aggregations {
          alignment_period     = "${each.value.period}s"
          per_series_aligner   = each.value.aligner
          cross_series_reducer = each.value.reducer
        }
      }
    }
  }
}
