locals {
  runs = "{Flux,service,workflow} service=\"${var.name}\""

  # A graph each: its title, and its lines, as CloudWatch takes them.
  graphs = {
    "Runs" = [
      for metric in ["RunStarted", "RunCompleted", "RunFailed", "RunRolledBack"] :
      [{ expression = "SUM(SEARCH('${local.runs} MetricName=\"${metric}\"', 'Sum', 60))", label = metric }]
    ]
    "Duration of runs, ms" = [
      for statistic in ["p50", "p95", "p99"] :
      [{ expression = "SEARCH('${local.runs} MetricName=\"RunDuration\"', '${statistic}', 60)", label = statistic }]
    ]
    "Duration of steps, ms, p95" = [
      [{ expression = "SEARCH('{Flux,service,step,workflow} service=\"${var.name}\" MetricName=\"StepDuration\"', 'p95', 60)", label = "" }]
    ]
    "Retries of steps, leases lost" = [
      [{ expression = "SUM(SEARCH('{Flux,service,step,workflow} service=\"${var.name}\" MetricName=\"StepRetried\"', 'Sum', 60))", label = "StepRetried" }],
      [{ expression = "SUM(SEARCH('${local.runs} MetricName=\"LeaseLost\"', 'Sum', 60))", label = "LeaseLost" }],
    ]
    "Age of the oldest due run, s" = [
      ["Flux", "DueAge", "service", var.name, { stat = "Maximum" }],
    ]
    "Messages" = [
      for queue in [aws_sqs_queue.orders, aws_sqs_queue.wakeups, aws_sqs_queue.dead_orders, aws_sqs_queue.lost_events] :
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name, { stat = "Maximum" }]
    ]
    "Function" = [
      for metric in ["Invocations", "Errors", "Throttles"] :
      ["AWS/Lambda", metric, "FunctionName", aws_lambda_function.this.function_name, { stat = "Sum" }]
    ]
    "Table, units" = [
      for metric in ["ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits", "WriteThrottleEvents", "ReadThrottleEvents"] :
      ["AWS/DynamoDB", metric, "TableName", aws_dynamodb_table.runs.name, { stat = "Sum" }]
    ]
  }
  titles = keys(local.graphs)
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for place, title in local.titles : {
        type   = "metric"
        x      = 12 * (place % 2)
        y      = 6 * floor(place / 2)
        width  = 12
        height = 6
        properties = {
          title   = title
          region  = local.region
          period  = 60
          metrics = local.graphs[title]
        }
      }
    ]
  })
}
