locals {
  # The route as it stands in an ARN: GET /orders/{id} is GET/orders/*, and any method is *.
  route_path = var.route == null ? null : replace(replace(replace(var.route, "/^ANY/", "*"), " ", ""), "/\\{[^}]*\\}/", "*")
}

resource "aws_apigatewayv2_api" "this" {
  count = var.route == null ? 0 : 1

  name          = var.name
  description   = "Takes orders for ${var.name}."
  protocol_type = "HTTP"
  tags          = var.tags
}

resource "aws_apigatewayv2_integration" "function" {
  count = var.route == null ? 0 : 1

  api_id                 = aws_apigatewayv2_api.this[0].id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.live.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = min(1000 * var.timeout, 30000) # API Gateway waits no longer
}

resource "aws_apigatewayv2_route" "orders" {
  count = var.route == null ? 0 : 1

  api_id             = aws_apigatewayv2_api.this[0].id
  route_key          = var.route
  target             = "integrations/${aws_apigatewayv2_integration.function[0].id}"
  authorization_type = var.public ? "NONE" : "AWS_IAM"
}

resource "aws_apigatewayv2_stage" "default" {
  count = var.route == null ? 0 : 1

  api_id      = aws_apigatewayv2_api.this[0].id
  name        = "$default"
  auto_deploy = true
  tags        = var.tags

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api[0].arn
    format = jsonencode({
      requestId        = "$context.requestId"
      requestTime      = "$context.requestTime"
      routeKey         = "$context.routeKey"
      status           = "$context.status"
      responseLatency  = "$context.responseLatency"
      integrationError = "$context.integrationErrorMessage"
    })
  }

  default_route_settings {
    throttling_burst_limit   = 100
    throttling_rate_limit    = 50 # requests a second
    detailed_metrics_enabled = true
  }
}

resource "aws_cloudwatch_log_group" "api" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own; kms_key_arn takes another
  #checkov:skip=CKV_AWS_338:What must be kept for a year is in the table; log_retention_days keeps logs longer
  count = var.route == null ? 0 : 1

  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_permission" "api" {
  count = var.route == null ? 0 : 1

  statement_id  = "TakeOrdersFromApi"
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  source_arn    = "${aws_apigatewayv2_api.this[0].execution_arn}/*/${local.route_path}"
}
