locals {
  bucket_option = var.large_values ? "&bucket=${aws_s3_bucket.values[0].bucket}" : ""
  store_url     = "dynamodb://${aws_dynamodb_table.runs.name}?region=${local.region}&ttl=${var.keep_runs_days}d${local.bucket_option}"
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:What limits the function is the account's concurrency, unless max_instances is given
  #checkov:skip=CKV_AWS_116:A failed asynchronous invocation goes to lost_events, by aws_lambda_function_event_invoke_config
  #checkov:skip=CKV_AWS_117:It talks to AWS's public endpoints alone; a VPC would cost a gateway and guard nothing
  #checkov:skip=CKV_AWS_173:The environment holds names, no secret; kms_key_arn encrypts it
  #checkov:skip=CKV_AWS_272:Code signing needs a signing profile of the account, which is the account's owner's to make
  function_name = var.name
  description   = "Runs ${join(", ", var.workflows)} with Flux."
  role          = aws_iam_role.function.arn

  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = var.handler
  runtime          = var.runtime
  architectures    = [var.architecture]
  publish          = true

  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.max_instances == null ? -1 : var.max_instances
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  environment {
    variables = merge(var.environment, {
      FLUX_STORE              = local.store_url
      FLUX_QUEUE_URL          = aws_sqs_queue.wakeups.url
      FLUX_SCHEDULER_GROUP    = aws_scheduler_schedule_group.this.name
      FLUX_SCHEDULER_ROLE_ARN = aws_iam_role.scheduler.arn
      POWERTOOLS_SERVICE_NAME = var.name
    })
  }

  logging_config {
    log_format = "Text" # Flux writes its lines in JSON itself
    log_group  = aws_cloudwatch_log_group.function.name
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  depends_on = [aws_iam_role_policy.function]
}

resource "aws_lambda_alias" "live" {
  name             = local.alias
  description      = "The version that every source of orders invokes."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_lambda_function_event_invoke_config" "live" {
  function_name                = aws_lambda_function.this.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = 3600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.lost_events.arn
    }
  }
}

# A function that wakes itself looks like a loop, which Lambda stops after some sixteen rounds. A run bounds its own
# hand-overs, and each of them does work.
resource "aws_lambda_function_recursion_config" "this" {
  function_name  = aws_lambda_function.this.function_name
  recursive_loop = "Allow"
}
