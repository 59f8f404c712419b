# What the module promises, on mocked providers: no account is needed, and nothing is made.
#   terraform init && terraform test

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  name    = "orders"
  package = "versions.tf" # any file
}

run "by_default" {
  # What every statement may do, and on what: policies that grant something, of both roles and of the queue.
  assert {
    condition = alltrue([
      for statement in concat(
        jsondecode(aws_iam_role_policy.function.policy).Statement,
        jsondecode(aws_iam_role_policy.scheduler.policy).Statement,
        jsondecode(aws_sqs_queue_policy.events[0].policy).Statement,
      ) : alltrue([for action in statement.Action : !strcontains(action, "*")])
    ])
    error_message = "An action holds a wildcard."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement :
      !contains(statement.Resource, "*") || alltrue([for action in statement.Action : startswith(action, "xray:")])
    ])
    error_message = "A statement that is not about X-Ray, which has no resources to name, is about every resource."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.scheduler.policy).Statement : !contains(statement.Resource, "*")
    ])
    error_message = "The scheduler may do something to every resource."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Condition.StringEquals
      if statement.Sid == "HandTheSchedulerItsRole"
    ])["iam:PassedToService"] == "scheduler.amazonaws.com"
    error_message = "The function may pass the scheduler's role to another service."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.retention_in_days == 30 && aws_cloudwatch_log_group.api[0].retention_in_days == 30
    error_message = "Logs are not kept for thirty days."
  }

  assert {
    condition = alltrue([
      for mapping in [aws_lambda_event_source_mapping.orders, aws_lambda_event_source_mapping.wakeups] :
      toset(mapping.function_response_types) == toset(["ReportBatchItemFailures"])
    ])
    error_message = "A queue does not take partial batch responses: one failed order would bring back all of its batch."
  }

  assert {
    condition = alltrue([
      for mapping in [aws_lambda_event_source_mapping.orders, aws_lambda_event_source_mapping.wakeups] :
      mapping.function_name == aws_lambda_alias.live.arn
    ])
    error_message = "A queue does not invoke the alias."
  }

  assert {
    condition = toset([
      for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions.QueueName if alarm.namespace == "AWS/SQS"
    ]) == toset([aws_sqs_queue.dead_orders.name, aws_sqs_queue.lost_events.name])
    error_message = "A queue of what was not taken has no alarm."
  }

  assert {
    condition = alltrue([
      for name in ["runs-fail-order-fulfillment", "runs-late", "function-fails", "function-throttled", "table-reads-throttled", "table-writes-throttled"] :
      contains(keys(aws_cloudwatch_metric_alarm.this), name)
    ])
    error_message = "An alarm is missing: of failed runs, late runs, errors, or throttling."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.orders.redrive_policy) == { deadLetterTargetArn = aws_sqs_queue.dead_orders.arn, maxReceiveCount = 5 }
    error_message = "An order that fails five times is not put aside."
  }

  assert {
    condition     = aws_sqs_queue.orders.visibility_timeout_seconds == 180 && aws_sqs_queue.wakeups.visibility_timeout_seconds == 180
    error_message = "A message comes back while the function may still be at it."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.orders, aws_sqs_queue.wakeups, aws_sqs_queue.dead_orders, aws_sqs_queue.lost_events] : queue.sqs_managed_sse_enabled])
    error_message = "A queue is not encrypted."
  }

  assert {
    condition = (
      aws_dynamodb_table.runs.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.runs.deletion_protection_enabled
      && aws_dynamodb_table.runs.point_in_time_recovery[0].enabled && aws_dynamodb_table.runs.server_side_encryption[0].enabled
    )
    error_message = "The table is not paid by request, or not protected, recoverable and encrypted."
  }

  assert {
    condition     = aws_dynamodb_table.runs.ttl[0].attribute_name == "expires_at" && aws_dynamodb_table.runs.ttl[0].enabled
    error_message = "Ended runs do not expire."
  }

  assert {
    condition     = toset([for attribute in aws_dynamodb_table.runs.attribute : attribute.name]) == toset(["id", "sk", "due", "wake_at", "workflow_shard", "created_at"])
    error_message = "The table has other keys than Flux writes."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables.FLUX_STORE == "dynamodb://orders?region=eu-central-1&ttl=30d"
    error_message = "The function does not find its table."
  }

  assert {
    condition     = aws_lambda_function.this.publish && aws_lambda_alias.live.name == "live"
    error_message = "No version is published, or the alias is not called live."
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "python3.13" && one(aws_lambda_function.this.architectures) == "arm64"
    error_message = "The function does not run Python 3.13 on arm64."
  }

  assert {
    condition     = jsondecode(aws_scheduler_schedule.tick.target[0].input) == { flux = { action = "tick" } }
    error_message = "The schedule sends something else than a tick."
  }

  assert {
    condition     = aws_apigatewayv2_route.orders[0].authorization_type == "AWS_IAM"
    error_message = "Everybody may send orders."
  }

  assert {
    condition     = endswith(aws_lambda_permission.api[0].source_arn, "/*/POST/orders")
    error_message = "The HTTP API may invoke the function for another route."
  }

  assert {
    condition     = length(aws_s3_bucket.values) == 0 && output.bucket_name == null
    error_message = "There is a bucket that nobody asked for."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 8
    error_message = "A graph is missing on the dashboard."
  }

  assert {
    condition     = length(aws_cloudwatch_query_definition.this) == length(fileset("queries", "*"))
    error_message = "A query is not saved."
  }
}

run "with_everything" {
  variables {
    large_values        = true
    keep_runs_days      = 60
    deletion_protection = false
    kms_key_arn         = "arn:aws:kms:eu-central-1:123456789012:key/1b2c"
    workflows           = ["order-fulfillment", "returns"]
    notify              = ["arn:aws:sns:eu-central-1:123456789012:on-call"]
    route               = "ANY /shops/{shop}/orders/{id}"
    environment         = { SHOP = "berlin" }
    policy_statements   = { Mail = { Action = ["ses:SendEmail"], Resource = ["arn:aws:ses:eu-central-1:123456789012:identity/shop.example"] } }
  }

  assert {
    condition     = output.store_url == "dynamodb://orders?region=eu-central-1&ttl=60d&bucket=${output.bucket_name}"
    error_message = "The store does not name its bucket and its time to live."
  }

  assert {
    condition = alltrue([
      for sid in ["KeepLargeValues", "FindLargeValues", "UseKey", "Mail"] :
      contains([for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Sid], sid)
    ])
    error_message = "The function may not use its bucket or key, or do what its steps do."
  }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.values[0].block_public_acls && aws_s3_bucket_public_access_block.values[0].block_public_policy
      && aws_s3_bucket_public_access_block.values[0].ignore_public_acls && aws_s3_bucket_public_access_block.values[0].restrict_public_buckets
    )
    error_message = "The bucket can be made public."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.orders, aws_sqs_queue.wakeups, aws_sqs_queue.dead_orders, aws_sqs_queue.lost_events] : queue.kms_master_key_id == var.kms_key_arn])
    error_message = "A queue is encrypted with another key."
  }

  assert {
    condition     = endswith(aws_lambda_permission.api[0].source_arn, "/*/*/shops/*/orders/*")
    error_message = "The HTTP API may not invoke the function for a route with variables."
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.this), "runs-fail-returns")
    error_message = "A workflow has no alarm."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : toset(alarm.alarm_actions) == toset(var.notify)])
    error_message = "An alarm tells nobody."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables.SHOP == "berlin"
    error_message = "The function does not get its own environment."
  }
}

run "with_neither_api_nor_rule" {
  variables {
    route         = null
    event_pattern = null
    tracing       = false
  }

  assert {
    condition     = output.http_url == null && length(aws_lambda_permission.api) == 0 && length(aws_lambda_permission.rule) == 0
    error_message = "Something may invoke the function that is not there."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : !contains(statement.Resource, "*")
    ])
    error_message = "Without X-Ray, no statement is about every resource."
  }
}
