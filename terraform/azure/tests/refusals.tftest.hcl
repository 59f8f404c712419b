# What the module refuses, and by which variable.

mock_provider "azurerm" {}

variables {
  name           = "orders"
  package        = "versions.tf"
  resource_group = { name = "shop", location = "westeurope" }
}

run "a_name_that_no_storage_account_takes" {
  command = plan

  variables {
    name = "Orders_1"
  }

  expect_failures = [var.name]
}

run "an_account_that_is_no_name" {
  command = plan

  variables {
    storage_account_name = "orders-store"
  }

  expect_failures = [var.storage_account_name]
}

run "a_python_that_is_too_old" {
  command = plan

  variables {
    runtime = "3.9"
  }

  expect_failures = [var.runtime]
}

run "a_python_for_which_no_package_is_built" {
  command = plan

  variables {
    runtime = "3.14"
  }

  expect_failures = [var.runtime]
}

run "a_memory_that_no_instance_has" {
  command = plan

  variables {
    memory_size = 1024
  }

  expect_failures = [var.memory_size]
}

run "a_timeout_that_is_no_time" {
  command = plan

  variables {
    timeout = 2
  }

  expect_failures = [var.timeout]
}

run "fewer_instances_than_azure_takes" {
  command = plan

  variables {
    max_instances = 10
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

run "an_environment_with_fewer_threads" {
  command = plan

  variables {
    environment = { PYTHON_THREADPOOL_THREAD_COUNT = "1" }
  }

  expect_failures = [var.environment]
}

run "an_environment_with_a_key" {
  command = plan

  variables {
    environment = { AzureWebJobsStorage = "AccountKey=..." }
  }

  expect_failures = [var.environment]
}

run "a_replication_that_azure_does_not_know" {
  command = plan

  variables {
    replication = "TWICE"
  }

  expect_failures = [var.replication]
}

run "a_retention_that_is_too_short" {
  command = plan

  variables {
    log_retention_days = 7
  }

  expect_failures = [var.log_retention_days]
}

run "everybody_and_some_alone" {
  command = plan

  variables {
    public           = true
    app_registration = "66666666-6666-6666-6666-666666666666"
    invokers         = ["77777777-7777-7777-7777-777777777777"]
  }

  expect_failures = [var.public]
}

run "a_batch_that_is_too_large" {
  command = plan

  variables {
    batch_size = 33
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

run "a_group_that_is_a_name" {
  command = plan

  variables {
    notify = ["on-call"]
  }

  expect_failures = [var.notify]
}

run "everybody_of_the_tenant" {
  command = plan

  variables {
    app_registration = "66666666-6666-6666-6666-666666666666"
  }

  expect_failures = [var.invokers]
}
