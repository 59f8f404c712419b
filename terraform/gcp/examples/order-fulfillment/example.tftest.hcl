# The example makes what it says: terraform init && terraform test

mock_provider "google" {
  mock_data "google_client_config" {
    defaults = { project = "shop", region = "europe-west3" }
  }

  mock_data "google_project" {
    defaults = { project_id = "shop", number = "123456789012" }
  }
}

variables {
  project = "shop"
  package = "main.tf" # any file
}

run "the_example" {
  assert {
    condition     = output.function_name == "order-fulfillment"
    error_message = "The function has another name."
  }

  assert {
    condition     = output.store_url == "firestore://shop/flux-runs?database=order-fulfillment&ttl=30d"
    error_message = "The database has another name."
  }
}
