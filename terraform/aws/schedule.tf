resource "aws_scheduler_schedule_group" "this" {
  name = var.name
  tags = var.tags
}

resource "aws_scheduler_schedule" "tick" {
  #checkov:skip=CKV_AWS_297:The schedule says "tick" and holds no data; kms_key_arn encrypts it
  name                = "${var.name}-tick"
  description         = "Finds what is due and was not woken: a run whose sandbox died, a wake-up that was lost."
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = var.tick_minutes == 1 ? "rate(1 minute)" : "rate(${var.tick_minutes} minutes)"
  kms_key_arn         = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_alias.live.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ flux = { action = "tick" } })

    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 0 # a minute later the next one comes
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}
