# What the module promises, on mocked providers: no account is needed, and nothing is made. It is planned alone, because
# applying it would run the command that deploys the package.
#   terraform init && terraform test

mock_provider "azurerm" {
  override_during = plan

  mock_data "azurerm_client_config" {
    defaults = { tenant_id = "11111111-1111-1111-1111-111111111111", subscription_id = "22222222-2222-2222-2222-222222222222" }
  }

  mock_resource "azurerm_storage_account" {
    defaults = {
      id                     = "/subscriptions/2222/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/ordersshop"
      primary_blob_endpoint  = "https://ordersshop.blob.core.windows.net/"
      primary_queue_endpoint = "https://ordersshop.queue.core.windows.net/"
    }
  }

  mock_resource "azurerm_function_app_flex_consumption" {
    defaults = { default_hostname = "orders.azurewebsites.net" }
  }

  mock_resource "azurerm_user_assigned_identity" {
    defaults = { id = "/identities/orders-function", client_id = "33333333-3333-3333-3333-333333333333", principal_id = "44444444-4444-4444-4444-444444444444" }
  }

  mock_resource "azurerm_application_insights" {
    defaults = { id = "/components/orders-insights", connection_string = "InstrumentationKey=5555" }
  }
}

variables {
  name                 = "orders"
  package              = "versions.tf" # any file
  resource_group       = { name = "shop", location = "westeurope" }
  storage_account_name = "ordersshop"
}

run "by_default" {
  command = plan

  assert {
    condition     = azurerm_function_app_flex_consumption.this.runtime_name == "python" && azurerm_function_app_flex_consumption.this.runtime_version == "3.13" && azurerm_service_plan.this.sku_name == "FC1"
    error_message = "The function app does not run Python 3.13 on Flex Consumption."
  }

  assert {
    condition = azurerm_function_app_flex_consumption.this.app_settings == tomap({
      AzureWebJobsStorage                                        = ""
      AzureWebJobsStorage__accountName                           = "ordersshop"
      AzureWebJobsStorage__credential                            = "managedidentity"
      AzureWebJobsStorage__clientId                              = "33333333-3333-3333-3333-333333333333"
      AZURE_CLIENT_ID                                            = "33333333-3333-3333-3333-333333333333"
      FLUX_STORE                                                 = "azuretable://ordersshop/fluxruns"
      PYTHON_THREADPOOL_THREAD_COUNT                             = "32"
      AzureFunctionsJobHost__functionTimeout                     = "00:00:30"
      AzureFunctionsJobHost__extensions__queues__batchSize       = "10"
      AzureFunctionsJobHost__extensions__queues__maxDequeueCount = "5"

      AzureFunctionsJobHost__extensions__queues__newBatchThreshold = "5"

      AzureFunctionsJobHost__extensions__queues__visibilityTimeout = "00:00:30"

      APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=33333333-3333-3333-3333-333333333333;Authorization=AAD"

      AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes = "Exception;Trace"
    })
    error_message = "The function app does not find its store, or does not enter it by its identity."
  }

  assert {
    condition     = !azurerm_storage_account.this.shared_access_key_enabled && !azurerm_storage_account.this.local_user_enabled && !azurerm_storage_account.this.allow_nested_items_to_be_public
    error_message = "The storage account can be entered by a key or a password, or by everybody."
  }

  assert {
    condition     = azurerm_storage_account.this.min_tls_version == "TLS1_2" && azurerm_storage_account.this.https_traffic_only_enabled
    error_message = "The storage account answers without encryption."
  }

  assert {
    condition     = !azurerm_application_insights.this.local_authentication_enabled && !azurerm_log_analytics_workspace.this.local_authentication_enabled
    error_message = "Logs are taken from who has a key."
  }

  assert {
    condition = (
      azurerm_function_app_flex_consumption.this.storage_authentication_type == "UserAssignedIdentity"
      && azurerm_function_app_flex_consumption.this.storage_container_endpoint == "https://ordersshop.blob.core.windows.net/packages"
      && !azurerm_function_app_flex_consumption.this.webdeploy_publish_basic_authentication_enabled
    )
    error_message = "The package is fetched elsewhere or with a key, or deployed with a password."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.site_config[0].ip_restriction_default_action == "Deny" && output.http_url == null
    error_message = "Somebody may send orders over HTTP whom nobody has named."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.https_only && azurerm_function_app_flex_consumption.this.site_config[0].minimum_tls_version == "1.2"
    error_message = "The function app answers without encryption."
  }

  assert {
    condition     = toset(keys(azurerm_storage_queue.this)) == toset(["orders", "orders-poison", "flux-wakes", "flux-wakes-poison"])
    error_message = "A queue is missing, or its poison queue, which the host may not make."
  }

  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.function : startswith(assignment.scope, azurerm_storage_account.this.id) || assignment.scope == azurerm_application_insights.this.id])
    error_message = "A role is granted on more than the storage account and Application Insights."
  }

  assert {
    condition = { for name, assignment in azurerm_role_assignment.function : name => trimprefix(assignment.scope, azurerm_storage_account.this.id) if name != "telemetry" } == {
      host              = ""
      runs              = "/tableServices/default/tables/fluxruns"
      orders            = "/queueServices/default/queues/orders"
      orders-poison     = "/queueServices/default/queues/orders-poison"
      flux-wakes        = "/queueServices/default/queues/flux-wakes"
      flux-wakes-poison = "/queueServices/default/queues/flux-wakes-poison"
    }
    error_message = "A role is granted on another part of the storage account."
  }

  assert {
    condition     = azurerm_management_lock.store[0].lock_level == "CanNotDelete"
    error_message = "The storage account can be deleted."
  }

  assert {
    condition     = toset(keys(azurerm_monitor_scheduled_query_rules_alert_v2.this)) == toset(["runs-fail-order-fulfillment", "dead-orders", "runs-late", "function-fails"])
    error_message = "An alarm is missing: of failed or late runs, poison messages, or errors."
  }

  assert {
    condition     = strcontains(azurerm_monitor_scheduled_query_rules_alert_v2.this["runs-late"].criteria[0].query, "where ticks == 0 or age > 300")
    error_message = "Nobody is told when the tick does not come."
  }

  assert {
    condition     = [for log in azurerm_monitor_diagnostic_setting.queues.enabled_log : log.category] == ["StorageWrite"]
    error_message = "Nobody sees what is put into a poison queue."
  }

  assert {
    condition     = azurerm_log_analytics_workspace.this.retention_in_days == 30
    error_message = "Logs are not kept for thirty days."
  }

  assert {
    condition     = terraform_data.package.triggers_replace[1] == filesha256("versions.tf")
    error_message = "A package of another content is not deployed."
  }

  assert {
    condition     = length(azurerm_storage_container.values) == 0
    error_message = "There is a container that nobody asked for."
  }
}

run "with_everything" {
  command = plan

  variables {
    large_values         = true
    deletion_protection  = false
    storage_account_name = null
    workflows            = ["order-fulfillment", "returns"]
    notify               = ["/subscriptions/2222/resourceGroups/shop/providers/Microsoft.Insights/actionGroups/on-call"]
    app_registration     = "66666666-6666-6666-6666-666666666666"
    invokers             = ["77777777-7777-7777-7777-777777777777"]
    environment          = { SHOP = "berlin" }
    timeout              = 3600
    batch_size           = 1
  }

  assert {
    condition     = output.store_url == "azuretable://${azurerm_storage_account.this.name}/fluxruns?container=flux-values"
    error_message = "The store does not name its container."
  }

  assert {
    condition     = can(regex("^orders[0-9a-f]{6}$", azurerm_storage_account.this.name)) && can(regex("^orders-[0-9a-f]{6}$", output.function_name))
    error_message = "The storage account and the function app do not have names of their own."
  }

  assert {
    condition     = azurerm_storage_container.values[0].container_access_type == "private" && azurerm_storage_container.packages.container_access_type == "private"
    error_message = "A container can be read by everybody."
  }

  assert {
    condition = (
      azurerm_function_app_flex_consumption.this.auth_settings_v2[0].require_authentication
      && azurerm_function_app_flex_consumption.this.auth_settings_v2[0].unauthenticated_action == "Return401"
      && toset(azurerm_function_app_flex_consumption.this.auth_settings_v2[0].active_directory_v2[0].allowed_applications) == toset(var.invokers)
      && azurerm_function_app_flex_consumption.this.auth_settings_v2[0].active_directory_v2[0].tenant_auth_endpoint == "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0"
    )
    error_message = "Another than who is named may send orders over HTTP."
  }

  assert {
    condition     = output.http_url == "https://orders.azurewebsites.net/api/orders" && azurerm_function_app_flex_consumption.this.site_config[0].ip_restriction_default_action == "Allow"
    error_message = "Who may send orders over HTTP cannot."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.app_settings.AzureFunctionsJobHost__functionTimeout == "01:00:00" && azurerm_function_app_flex_consumption.this.app_settings.SHOP == "berlin"
    error_message = "The function app has another time-out, or does not get its own environment."
  }

  assert {
    condition = (
      contains(keys(azurerm_monitor_scheduled_query_rules_alert_v2.this), "runs-fail-returns")
      && alltrue([for alarm in azurerm_monitor_scheduled_query_rules_alert_v2.this : toset(alarm.action[0].action_groups) == toset(var.notify)])
      && toset([for action in azurerm_monitor_metric_alert.store_throttled.action : action.action_group_id]) == toset(var.notify)
    )
    error_message = "A workflow has no alarm, or an alarm tells nobody."
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.app_settings.PYTHON_THREADPOOL_THREAD_COUNT == "4" && azurerm_function_app_flex_consumption.this.app_settings.AzureFunctionsJobHost__extensions__queues__newBatchThreshold == "0"
    error_message = "A message waits for a thread of the worker, and its time-out goes by."
  }

  assert {
    condition     = length(azurerm_management_lock.store) == 0
    error_message = "A lock that nobody asked for is there."
  }
}

run "for_everybody" {
  command = plan

  variables {
    public = true
  }

  assert {
    condition     = azurerm_function_app_flex_consumption.this.site_config[0].ip_restriction_default_action == "Allow" && length(azurerm_function_app_flex_consumption.this.auth_settings_v2) == 0
    error_message = "Not everybody may send orders over HTTP."
  }
}
