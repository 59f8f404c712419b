locals {
  visibility_timeout = 6 * var.timeout # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  fourteen_days      = 14 * 24 * 3600  # the longest that SQS keeps a message
  sqs_encrypts       = var.kms_key_arn == null ? true : null
}

resource "aws_sqs_queue" "orders" {
  name                       = "${var.name}-orders"
  visibility_timeout_seconds = local.visibility_timeout
  message_retention_seconds  = local.fourteen_days
  kms_master_key_id          = var.kms_key_arn
  sqs_managed_sse_enabled    = local.sqs_encrypts
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_orders.arn
    maxReceiveCount     = var.max_receive_count
  })
}

# Moved back by a redrive once the reason is gone: the run goes on with its failed step.
resource "aws_sqs_queue" "dead_orders" {
  name                      = "${var.name}-dead-orders"
  message_retention_seconds = local.fourteen_days
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = local.sqs_encrypts
  tags                      = var.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_orders" {
  queue_url = aws_sqs_queue.dead_orders.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.orders.arn]
  })
}

# What the function sends to itself. It has no dead letters: a wake-up that is lost is made good by the next tick.
resource "aws_sqs_queue" "wakeups" {
  name                       = "${var.name}-wakeups"
  visibility_timeout_seconds = local.visibility_timeout
  message_retention_seconds  = 3600 # a wake-up lies in it for 15 minutes at most; later, the tick has been faster
  kms_master_key_id          = var.kms_key_arn
  sqs_managed_sse_enabled    = local.sqs_encrypts
  tags                       = var.tags
}

# Events that could not be delivered, or that the function failed to take for the last time; kept as they were.
resource "aws_sqs_queue" "lost_events" {
  name                      = "${var.name}-lost-events"
  message_retention_seconds = local.fourteen_days
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = local.sqs_encrypts
  tags                      = var.tags
}

resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn        = aws_sqs_queue.orders.arn
  function_name           = aws_lambda_alias.live.arn
  batch_size              = var.batch_size
  function_response_types = ["ReportBatchItemFailures"] # one bad message does not bring back the other nine
  tags                    = var.tags
}

resource "aws_lambda_event_source_mapping" "wakeups" {
  event_source_arn        = aws_sqs_queue.wakeups.arn
  function_name           = aws_lambda_alias.live.arn
  batch_size              = 1 # a run that goes on may take all the time there is
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags
}
