terraform {
  required_version = ">= 1.9" # a variable's validation may look at another variable

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 5.0" # which makes tables and queues without the storage account's key
    }
  }
}
