output "function_name" {
  description = "Name of the function: `flux --remote lambda://NAME:live`, `aws lambda invoke`."
  value       = aws_lambda_function.this.function_name
}

output "alias_arn" {
  description = "ARN of the alias `live`, which is what is to be invoked."
  value       = aws_lambda_alias.live.arn
}

output "store_url" {
  description = "URL of the store: `flux --store URL list`."
  value       = local.store_url
}

output "http_url" {
  description = "URL that takes orders over HTTP; null if there is no HTTP API."
  value       = var.route == null ? null : "${aws_apigatewayv2_api.this[0].api_endpoint}${split(" ", var.route)[1]}"
}

output "queue" {
  description = "URL of the queue that takes orders: `aws sqs send-message --queue-url URL`."
  value       = aws_sqs_queue.orders.url
}

output "queue_arn" {
  description = "ARN of that queue, for policies of those who send orders."
  value       = aws_sqs_queue.orders.arn
}

output "dead_orders" {
  description = "URL of the dead-letter queue: orders that failed too often."
  value       = aws_sqs_queue.dead_orders.url
}

output "lost_events" {
  description = "URL of the queue of events that failed too often."
  value       = aws_sqs_queue.lost_events.url
}

output "logs" {
  description = "Name of the function's log group: `flux trace --log-group NAME`."
  value       = aws_cloudwatch_log_group.function.name
}

output "identity" {
  description = "Name of the function's role, for policies of its own."
  value       = aws_iam_role.function.name
}

output "table_name" {
  description = "Name of the table of runs."
  value       = aws_dynamodb_table.runs.name
}

output "bucket_name" {
  description = "Name of the bucket of large values; null if there is none."
  value       = one(aws_s3_bucket.values[*].bucket)
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
