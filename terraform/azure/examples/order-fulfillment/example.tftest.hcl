# The example makes what it says: terraform init && terraform test

mock_provider "azurerm" {
  override_during = plan
}

variables {
  package = "main.tf" # any file
}

run "the_example" {
  command = plan # to apply would run the command that deploys the package

  assert {
    condition     = startswith(output.function_name, "order-fulfillment-")
    error_message = "The function app has another name."
  }

  assert {
    condition     = can(regex("^azuretable://orderfulfillment[0-9a-f]{6}/fluxruns$", output.store_url))
    error_message = "The table or its account has another name."
  }
}
