# The example makes what it says: terraform init && terraform test

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  package = "main.tf" # any file
}

run "the_example" {
  assert {
    condition     = output.function_name == "order-fulfillment"
    error_message = "The function has another name."
  }

  assert {
    condition     = output.store_url == "dynamodb://order-fulfillment?region=eu-central-1&ttl=30d"
    error_message = "The table has another name."
  }
}
