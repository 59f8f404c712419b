resource "aws_cloudwatch_event_rule" "orders" {
  count = var.event_pattern == null ? 0 : 1

  name           = "${var.name}-orders"
  description    = "Hands orders to ${var.name}."
  event_bus_name = var.event_bus_name
  event_pattern  = jsonencode(var.event_pattern)
  tags           = var.tags
}

resource "aws_cloudwatch_event_target" "function" {
  count = var.event_pattern == null ? 0 : 1

  rule           = aws_cloudwatch_event_rule.orders[0].name
  event_bus_name = var.event_bus_name
  arn            = aws_lambda_alias.live.arn

  dead_letter_config {
    arn = aws_sqs_queue.lost_events.arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 24 * 3600
    maximum_retry_attempts       = 185 # what EventBridge does anyway, said
  }
}

resource "aws_lambda_permission" "rule" {
  count = var.event_pattern == null ? 0 : 1

  statement_id  = "TakeOrdersFromRule"
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  source_arn    = aws_cloudwatch_event_rule.orders[0].arn
}

resource "aws_sqs_queue_policy" "events" {
  count = var.event_pattern == null ? 0 : 1

  queue_url = aws_sqs_queue.lost_events.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "KeepLostEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["sqs:SendMessage"]
      Resource  = [aws_sqs_queue.lost_events.arn]
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.orders[0].arn } }
    }]
  })
}
