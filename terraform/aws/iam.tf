locals {
  # What the function may do, by statement; it does not work without any one of them.
  statements = { for sid, statement in merge(local.own_statements, var.policy_statements) : sid => statement if statement != null }

  own_statements = {
    KeepRuns = {
      Action = [
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",      # for the parts of a large value
        "dynamodb:UpdateItem", # when those parts expire
      ]
      Resource = [aws_dynamodb_table.runs.arn]
    }
    FindRuns = {
      Action   = ["dynamodb:Query", "dynamodb:Scan"]
      Resource = [for index in ["attention", "runs"] : "${aws_dynamodb_table.runs.arn}/index/${index}"]
    }
    KeepLargeValues = !var.large_values ? null : {
      Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = ["${aws_s3_bucket.values[0].arn}/flux/*"]
    }
    FindLargeValues = !var.large_values ? null : {
      Action   = ["s3:ListBucket"]
      Resource = [aws_s3_bucket.values[0].arn]
    }
    ReceiveMessages = { # by Lambda's poller, with the function's role
      Action   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      Resource = [aws_sqs_queue.orders.arn, aws_sqs_queue.wakeups.arn]
    }
    WakeNow = {
      Action   = ["lambda:InvokeFunction"]
      Resource = [local.alias_arn]
    }
    WakeWithinMinutes = {
      Action   = ["sqs:SendMessage"]
      Resource = [aws_sqs_queue.wakeups.arn]
    }
    WakeLater = {
      Action   = ["scheduler:CreateSchedule"]
      Resource = [local.wakeups_arn]
    }
    HandTheSchedulerItsRole = {
      Action    = ["iam:PassRole"]
      Resource  = [aws_iam_role.scheduler.arn]
      Condition = { StringEquals = { "iam:PassedToService" = "scheduler.amazonaws.com" } }
    }
    KeepLostEvents = { # by Lambda, when an asynchronous invocation has failed for the last time
      Action   = ["sqs:SendMessage"]
      Resource = [aws_sqs_queue.lost_events.arn]
    }
    WriteLogs = { # metrics among them, as lines in CloudWatch's embedded metric format
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.function.arn}:*"]
    }
    WriteTraces = !var.tracing ? null : {
      Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      Resource = ["*"] # X-Ray has no resources to name: these actions take nothing else
    }
    UseKey = var.kms_key_arn == null ? null : {
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "function" {
  name        = "${var.name}-function"
  description = "What the function ${var.name} may do."
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  name = "flux"
  role = aws_iam_role.function.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for sid, statement in local.statements : merge({ Sid = sid, Effect = "Allow" }, statement)]
  })
}

resource "aws_iam_role" "scheduler" {
  name        = "${var.name}-scheduler"
  description = "What EventBridge Scheduler may do for ${var.name}: wake the function."
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "flux"
  role = aws_iam_role.scheduler.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "InvokeTheFunction"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [local.alias_arn]
    }]
  })
}
