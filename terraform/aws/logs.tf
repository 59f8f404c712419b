resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with a key of its own; kms_key_arn takes another
  #checkov:skip=CKV_AWS_338:What must be kept for a year is in the table; log_retention_days keeps logs longer
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

# What is asked of the logs, ready in CloudWatch Logs Insights: a file each, named as it is shown there.

resource "aws_cloudwatch_query_definition" "this" {
  for_each = fileset("${path.module}/queries", "*.logs")

  name            = "${var.name}/${trimsuffix(each.key, ".logs")}"
  log_group_names = [aws_cloudwatch_log_group.function.name]
  query_string    = file("${path.module}/queries/${each.key}")
}
