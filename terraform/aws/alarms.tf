locals {
  queues_to_watch = { dead-orders = aws_sqs_queue.dead_orders.name, lost-events = aws_sqs_queue.lost_events.name }

  # An alarm is raised when the metric is above `limit` in each of the last `periods`, of `period` seconds.
  alarms = merge(
    {
      for workflow in var.workflows : "runs-fail-${workflow}" => {
        description = "A run of ${workflow} has failed. See which, and why: flux list --status failed."
        namespace   = "Flux"
        metric      = "RunFailed"
        dimensions  = { service = var.name, workflow = workflow }
        statistic   = "Sum"
        limit       = 0
        period      = 300
        periods     = 1
        missing     = "notBreaching"
      }
    },
    {
      for name, queue in local.queues_to_watch : name => {
        description = "Messages lie in ${queue}, as they were. Mend the reason, then move them back or send them again."
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        dimensions  = { QueueName = queue }
        statistic   = "Maximum"
        limit       = 0
        period      = 60
        periods     = 1
        missing     = "notBreaching"
      }
    },
    {
      for kind in ["Read", "Write"] : "table-${lower(kind)}s-throttled" => {
        description = "DynamoDB turns ${lower(kind)}s away. Flux retries them; a table that is new or idle grows within minutes."
        namespace   = "AWS/DynamoDB"
        metric      = "${kind}ThrottleEvents"
        dimensions  = { TableName = aws_dynamodb_table.runs.name }
        statistic   = "Sum"
        limit       = 0
        period      = 60
        periods     = 3
        missing     = "notBreaching"
      }
    },
    {
      runs-late = {
        description = "Runs are due and nobody goes on with them, or the tick itself does not come."
        namespace   = "Flux"
        metric      = "DueAge"
        dimensions  = { service = var.name }
        statistic   = "Maximum"
        limit       = var.due_age_limit
        period      = 60 * var.tick_minutes
        periods     = 5
        missing     = "breaching" # each tick measures it: silence means that none came
      }
      function-fails = {
        description = "Invocations of the function end in an error, or with its time-out."
        namespace   = "AWS/Lambda"
        metric      = "Errors"
        dimensions  = { FunctionName = aws_lambda_function.this.function_name, Resource = "${var.name}:${local.alias}" }
        statistic   = "Sum"
        limit       = 0
        period      = 60
        periods     = 2
        missing     = "notBreaching"
      }
      function-throttled = {
        description = "Lambda turns invocations away. Ask for more concurrency, or take orders more slowly."
        namespace   = "AWS/Lambda"
        metric      = "Throttles"
        dimensions  = { FunctionName = aws_lambda_function.this.function_name }
        statistic   = "Sum"
        limit       = 0
        period      = 60
        periods     = 3 # a burst is taken up by the queues; three minutes are no burst
        missing     = "notBreaching"
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.limit
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = var.notify
  ok_actions          = var.notify
  tags                = var.tags
}
