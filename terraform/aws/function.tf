data "archive_file" "package" {
  count = var.source_dir == null ? 0 : 1

  type             = "zip"
  source_dir       = var.source_dir
  output_path      = "${path.root}/.terraform/${var.name}.zip"
  output_file_mode = "0644" # the same archive from every machine
}

locals {
  zipped       = one(data.archive_file.package)
  package      = var.source_dir == null ? var.package : local.zipped.output_path
  package_hash = var.source_dir == null ? filebase64sha256(var.package) : local.zipped.output_base64sha256

  bucket_option = var.large_values ? "&bucket=${aws_s3_bucket.values[0].bucket}" : ""
  store         = "dynamodb://${aws_dynamodb_table.runs.name}?region=${local.region}&ttl=${var.keep_runs_days}d${local.bucket_option}"
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:What limits the function is the account's concurrency, unless reserved_concurrency is given
  #checkov:skip=CKV_AWS_116:A failed asynchronous invocation goes to lost_events, by aws_lambda_function_event_invoke_config
  #checkov:skip=CKV_AWS_117:It talks to AWS's public endpoints alone; a VPC would cost a gateway and guard nothing
  #checkov:skip=CKV_AWS_173:The environment holds names, no secret; kms_key_arn encrypts it
  #checkov:skip=CKV_AWS_272:Code signing needs a signing profile of the account, which is the account's owner's to make
  function_name = var.name
  description   = "Runs ${join(", ", var.workflows)} with Flux."
  role          = aws_iam_role.function.arn

  filename         = local.package
  source_code_hash = local.package_hash
  handler          = var.handler
  runtime          = var.runtime
  architectures    = [var.architecture]
  publish          = true

  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  environment {
    variables = merge(var.environment, {
      FLUX_STORE              = local.store
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

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own; kms_key_arn takes another
  #checkov:skip=CKV_AWS_338:What must be kept for a year is in the table; log_retention_days keeps logs longer
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}
