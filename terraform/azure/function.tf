locals {
  container_option = var.large_values ? "?container=${azurerm_storage_container.values[0].name}" : ""
  store_url        = "azuretable://${azurerm_storage_account.this.name}/${azurerm_storage_table.runs.name}${local.container_option}"

  function_timeout = format("%02d:%02d:%02d", floor(var.timeout / 3600), floor(var.timeout / 60) % 60, var.timeout % 60)

  # A function of a queue has so many messages in hand at most. What waits for a thread of the worker uses up its time-out
  # unseen, so that there is one for each message of both queues, the timer and a request.
  new_batch_threshold = floor(var.batch_size / 2)
  threads             = 2 * (var.batch_size + local.new_batch_threshold) + 2

  settings = {
    # The provider writes a connection string with an empty key here unless there is a value:
    # https://github.com/hashicorp/terraform-provider-azurerm/issues/29149
    AzureWebJobsStorage              = ""
    AzureWebJobsStorage__accountName = azurerm_storage_account.this.name
    AzureWebJobsStorage__credential  = "managedidentity"
    AzureWebJobsStorage__clientId    = azurerm_user_assigned_identity.function.client_id
    AZURE_CLIENT_ID                  = azurerm_user_assigned_identity.function.client_id # which of its identities the SDK takes
    FLUX_STORE                       = local.store_url
    PYTHON_THREADPOOL_THREAD_COUNT   = tostring(local.threads)

    AzureFunctionsJobHost__functionTimeout                       = local.function_timeout
    AzureFunctionsJobHost__extensions__queues__batchSize         = tostring(var.batch_size)
    AzureFunctionsJobHost__extensions__queues__newBatchThreshold = tostring(local.new_batch_threshold)
    AzureFunctionsJobHost__extensions__queues__maxDequeueCount   = tostring(var.max_receive_count)

    # A message that met a busy run comes back after half a minute, not at once and for the last time within a second.
    AzureFunctionsJobHost__extensions__queues__visibilityTimeout = "00:00:30"

    APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=${azurerm_user_assigned_identity.function.client_id};Authorization=AAD"

    # Of many requests a few are enough; of what Flux says of runs, nothing is to be left out.
    AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes = "Exception;Trace"
  }
}

resource "azurerm_service_plan" "this" {
  #checkov:skip=CKV_AZURE_212:Flex Consumption starts instances as messages come; there is no number to keep
  #checkov:skip=CKV_AZURE_225:Zones are spread over by Azure in the regions that have them; asking for it costs instances that are always on
  name                = local.app
  resource_group_name = var.resource_group.name
  location            = var.resource_group.location
  os_type             = "Linux"
  sku_name            = "FC1"
  tags                = var.tags
}

resource "azurerm_function_app_flex_consumption" "this" {
  name                = local.app
  resource_group_name = var.resource_group.name
  location            = var.resource_group.location
  service_plan_id     = azurerm_service_plan.this.id
  https_only          = true
  tags                = var.tags

  runtime_name           = "python"
  runtime_version        = var.runtime
  instance_memory_in_mb  = var.memory_size
  maximum_instance_count = var.max_instances
  app_settings           = merge(var.environment, local.settings)

  storage_container_type            = "blobContainer"
  storage_container_endpoint        = "${azurerm_storage_account.this.primary_blob_endpoint}${azurerm_storage_container.packages.name}"
  storage_authentication_type       = "UserAssignedIdentity"
  storage_user_assigned_identity_id = azurerm_user_assigned_identity.function.id

  webdeploy_publish_basic_authentication_enabled = false

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.function.id]
  }

  site_config {
    application_insights_connection_string = azurerm_application_insights.this.connection_string
    http2_enabled                          = true
    minimum_tls_version                    = "1.2"
    scm_minimum_tls_version                = "1.2"
    ip_restriction_default_action          = local.over_http ? "Allow" : "Deny"
  }

  dynamic "auth_settings_v2" {
    for_each = var.app_registration == null ? [] : [var.app_registration]

    content {
      auth_enabled           = true
      require_authentication = true
      require_https          = true
      unauthenticated_action = "Return401"

      active_directory_v2 {
        client_id            = auth_settings_v2.value
        tenant_auth_endpoint = "https://login.microsoftonline.com/${local.tenant}/v2.0"
        allowed_audiences    = [auth_settings_v2.value, "api://${auth_settings_v2.value}"]
        allowed_applications = var.invokers
      }

      login {}
    }
  }

  depends_on = [azurerm_role_assignment.function]
}

resource "azurerm_storage_container" "packages" {
  #checkov:skip=CKV2_AZURE_21:The host alone reads it, and it holds code and no data
  name                  = "packages"
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}

# The provider itself deploys with a publishing password alone, and not to Flex Consumption:
# https://github.com/hashicorp/terraform-provider-azurerm/issues/29630
resource "terraform_data" "package" {
  triggers_replace = [azurerm_function_app_flex_consumption.this.id, filesha256(var.package)]

  provisioner "local-exec" {
    command = "sh \"$DEPLOY\" \"$SCM\" \"$PACKAGE\""

    environment = {
      DEPLOY  = abspath("${path.module}/deploy.sh")
      SCM     = "https://${replace(azurerm_function_app_flex_consumption.this.default_hostname, "/^([^.]+)[.]/", "$1.scm.")}"
      PACKAGE = abspath(var.package)
    }
  }
}
