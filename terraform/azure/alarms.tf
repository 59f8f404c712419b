locals {
  # An alarm is raised when the query finds anything in `minutes`, `periods` times in a row.
  alarms = merge(
    {
      for workflow in var.workflows : "runs-fail-${workflow}" => {
        description = "A run of ${workflow} has failed. See which, and why: flux list --status failed."
        minutes     = 5
        periods     = 1
        query       = <<-EOT
          AppTraces
          | where Message has "workflow:error"
          | extend flux = parse_json(Message).flux
          | where flux.type == "workflow:error" and flux.workflowName == "${workflow}"
        EOT
      }
    },
    {
      dead-orders = {
        description = "Messages were moved to a poison queue, as they were. Mend the reason, then move them back or send them again."
        minutes     = 5
        periods     = 1
        query       = <<-EOT
          StorageQueueLogs
          | where OperationName == "PutMessage" and Uri matches regex "/[a-z-]+-poison/messages"
        EOT
      }
      runs-late = {
        description = "Runs are due and nobody goes on with them, or the tick itself does not come."
        minutes     = 10
        periods     = 1
        query       = <<-EOT
          AppTraces
          | where Message has "DueAge"
          | extend flux = parse_json(Message).flux
          | where flux.metric == "DueAge"
          | summarize ticks = count(), age = min(todouble(flux.value))
          | where ticks == 0 or age > ${var.due_age_limit} // each tick measures it: silence means that none came
        EOT
      }
      function-fails = {
        description = "Invocations of the functions end in an error, or with their time-out."
        minutes     = 5
        periods     = 2
        query       = <<-EOT
          AppRequests
          | where Success == false
        EOT
      }
    },
  )
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "this" {
  for_each = local.alarms

  name                    = "${var.name}-${each.key}"
  description             = each.value.description
  resource_group_name     = var.resource_group.name
  location                = var.resource_group.location
  scopes                  = [azurerm_log_analytics_workspace.this.id]
  severity                = 2
  evaluation_frequency    = "PT5M"
  window_duration         = "PT${each.value.minutes}M"
  auto_mitigation_enabled = true
  skip_query_validation   = true # a table is there only once something was written to it
  tags                    = var.tags

  criteria {
    query                   = each.value.query
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = 0

    failing_periods {
      number_of_evaluation_periods             = each.value.periods
      minimum_failing_periods_to_trigger_alert = each.value.periods
    }
  }

  action {
    action_groups = var.notify
  }
}

resource "azurerm_monitor_metric_alert" "store_throttled" {
  name                = "${var.name}-store-throttled"
  description         = "The storage account turns requests away. Flux retries them; an account takes 20,000 a second."
  resource_group_name = var.resource_group.name
  scopes              = [azurerm_storage_account.this.id]
  frequency           = "PT1M"
  window_size         = "PT5M"
  tags                = var.tags

  criteria {
    metric_namespace = "Microsoft.Storage/storageAccounts"
    metric_name      = "Transactions"
    aggregation      = "Total"
    operator         = "GreaterThan"
    threshold        = 0

    dimension {
      name     = "ResponseType"
      operator = "Include"
      values   = ["ClientAccountBandwidthThrottlingError", "ClientAccountRequestThrottlingError", "ClientThrottlingError", "ServerBusyError"]
    }
  }

  dynamic "action" {
    for_each = var.notify

    content {
      action_group_id = action.value
    }
  }
}
