# What the module refuses, and by which variable.

mock_provider "aws" {}

variables {
  name    = "orders"
  package = "versions.tf"
}

run "a_name_that_no_bucket_takes" {
  command = plan

  variables {
    name = "Orders_1"
  }

  expect_failures = [var.name]
}

run "a_python_that_is_too_old" {
  command = plan

  variables {
    runtime = "python3.10"
  }

  expect_failures = [var.runtime]
}

run "an_unknown_processor" {
  command = plan

  variables {
    architecture = "amd64"
  }

  expect_failures = [var.architecture]
}

run "too_little_memory" {
  command = plan

  variables {
    memory_size = 64
  }

  expect_failures = [var.memory_size]
}

run "a_timeout_that_is_longer_than_lambda_waits" {
  command = plan

  variables {
    timeout = 901
  }

  expect_failures = [var.timeout]
}

run "a_concurrency_that_orders_use_up" {
  command = plan

  variables {
    max_instances = 1
  }

  expect_failures = [var.max_instances]
}

run "an_environment_that_moves_the_store" {
  command = plan

  variables {
    environment = { FLUX_STORE = "sqlite:////tmp/flux.db" }
  }

  expect_failures = [var.environment]
}

run "a_sid_that_iam_does_not_take" {
  command = plan

  variables {
    policy_statements = { "send-mail" = { Action = ["ses:SendEmail"], Resource = ["*"] } }
  }

  expect_failures = [var.policy_statements]
}

run "runs_that_are_gone_before_a_duplicate_comes" {
  command = plan

  variables {
    keep_runs_days = 13
  }

  expect_failures = [var.keep_runs_days]
}

run "an_alias_for_a_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/shop"
  }

  expect_failures = [var.kms_key_arn]
}

run "a_retention_that_cloudwatch_does_not_know" {
  command = plan

  variables {
    log_retention_days = 31
  }

  expect_failures = [var.log_retention_days]
}

run "a_route_without_a_method" {
  command = plan

  variables {
    route = "/orders"
  }

  expect_failures = [var.route]
}

run "a_batch_that_is_too_large" {
  command = plan

  variables {
    batch_size = 11
  }

  expect_failures = [var.batch_size]
}

run "a_queue_that_delivers_nothing" {
  command = plan

  variables {
    max_receive_count = 0
  }

  expect_failures = [var.max_receive_count]
}

run "a_pattern_that_takes_every_event" {
  command = plan

  variables {
    event_pattern = {}
  }

  expect_failures = [var.event_pattern]
}

run "a_rate_that_does_not_divide_the_hour" {
  command = plan

  variables {
    tick_minutes = 7
  }

  expect_failures = [var.tick_minutes]
}

run "no_workflow" {
  command = plan

  variables {
    workflows = []
  }

  expect_failures = [var.workflows]
}

run "an_age_that_no_alarm_sees" {
  command = plan

  variables {
    due_age_limit = 30
  }

  expect_failures = [var.due_age_limit]
}

run "a_topic_without_its_arn" {
  command = plan

  variables {
    notify = ["on-call"]
  }

  expect_failures = [var.notify]
}
