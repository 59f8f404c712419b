# What is asked of the logs, ready in CloudWatch Logs Insights: a file each, named as it is shown there.

resource "aws_cloudwatch_query_definition" "this" {
  for_each = fileset("${path.module}/queries", "*.logs")

  name            = "${var.name}/${trimsuffix(each.key, ".logs")}"
  log_group_names = [aws_cloudwatch_log_group.function.name]
  query_string    = file("${path.module}/queries/${each.key}")
}
