# What the module refuses, and by which variable.

mock_provider "google" {}

variables {
  name    = "orders"
  package = "versions.tf"
}

run "a_name_that_no_service_account_takes" {
  command = plan

  variables {
    name = "orders-of-all-our-shops"
  }

  expect_failures = [var.name]
}

run "a_python_that_is_too_old" {
  command = plan

  variables {
    runtime = "python310"
  }

  expect_failures = [var.runtime]
}

run "too_little_memory" {
  command = plan

  variables {
    memory_size = 100
  }

  expect_failures = [var.memory_size]
}

run "a_timeout_that_is_longer_than_pub_sub_waits" {
  command = plan

  variables {
    timeout = 601
  }

  expect_failures = [var.timeout]
}

run "no_instance_at_all" {
  command = plan

  variables {
    max_instances = 0
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

run "a_collection_that_is_a_path" {
  command = plan

  variables {
    collection = "shops/berlin"
  }

  expect_failures = [var.collection]
}

run "runs_that_are_gone_before_a_duplicate_comes" {
  command = plan

  variables {
    keep_runs_days = 13
  }

  expect_failures = [var.keep_runs_days]
}

run "everybody_in_disguise" {
  command = plan

  variables {
    invokers = ["allUsers"]
  }

  expect_failures = [var.invokers]
}

run "operators_who_are_everybody" {
  command = plan

  variables {
    operators = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.operators]
}

run "filters_that_take_events_of_every_type" {
  command = plan

  variables {
    event_filters = { bucket = "incoming" }
  }

  expect_failures = [var.event_filters]
}

run "fewer_deliveries_than_pub_sub_takes" {
  command = plan

  variables {
    max_receive_count = 4
  }

  expect_failures = [var.max_receive_count]
}

run "a_rate_that_does_not_divide_the_hour" {
  command = plan

  variables {
    tick_minutes = 7
  }

  expect_failures = [var.tick_minutes]
}

run "a_channel_that_is_an_address" {
  command = plan

  variables {
    notify = ["on-call@shop.example"]
  }

  expect_failures = [var.notify]
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
