variable "name" {
  description = "Name of the function, and first part of the name of all else."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,16}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 18 lower-case letters, digits and hyphens, start with a letter and end with no hyphen: it begins the name of a storage account, which has 24."
  }
}

variable "resource_group" {
  description = "The resource group, as its resource or data source has it, which says where it all goes."
  type        = object({ name = string, location = string })
}

variable "storage_account_name" {
  description = "Name of the storage account, which nobody else in the world may have; null makes one of `name`."
  type        = string
  default     = null

  validation {
    condition     = var.storage_account_name == null ? true : can(regex("^[a-z0-9]{3,24}$", var.storage_account_name))
    error_message = "storage_account_name must be 3 to 24 lower-case letters and digits."
  }
}

# What runs

variable "package" {
  description = "Path of the zip file with the function's code and Flux, as `flux build --target azure` makes it."
  type        = string
}

variable "runtime" {
  description = "Version of Python of the function app."
  type        = string
  default     = "3.13"

  validation {
    condition     = contains(["3.11", "3.12", "3.13"], var.runtime)
    error_message = "runtime must be 3.11, 3.12 or 3.13: flux build makes a package for each of these."
  }
}

variable "memory_size" {
  description = "Memory of an instance, in MB: 512, 2048 or 4096; its share of a processor grows with it."
  type        = number
  default     = 512

  validation {
    condition     = contains([512, 2048, 4096], var.memory_size)
    error_message = "memory_size must be 512, 2048 or 4096 MB: Flex Consumption has instances of no other size."
  }
}

variable "timeout" {
  description = "Seconds that an invocation may take; what it has not finished by then goes on in another one."
  type        = number
  default     = 30

  validation {
    condition     = var.timeout >= 3 && var.timeout <= 3600 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 3 to 3600."
  }
}

variable "max_instances" {
  description = "The most instances at a time."
  type        = number
  default     = 100

  validation {
    condition     = var.max_instances >= 40 && var.max_instances <= 1000 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances must be a whole number from 40 to 1000, as Flex Consumption takes it."
  }
}

variable "environment" {
  description = "Environment variables of the function beside those that Flux needs."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment) : !can(regex("^(FLUX_|AzureWebJobsStorage|AzureFunctionsJobHost__functionTimeout|PYTHON_THREADPOOL_THREAD_COUNT|APPLICATIONINSIGHTS_)", name))])
    error_message = "environment must not set a variable that begins with FLUX_, AzureWebJobsStorage, AzureFunctionsJobHost__functionTimeout, PYTHON_THREADPOOL_THREAD_COUNT or APPLICATIONINSIGHTS_: the module sets them."
  }
}

# What it keeps

variable "large_values" {
  description = "Whether values too large for the table go to a container of their own, rather than into further entities."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether a lock keeps everybody but Terraform itself from deleting the storage account."
  type        = bool
  default     = true
}

variable "replication" {
  description = "How Azure keeps copies of the storage account: LRS, ZRS, GRS, GZRS, RAGRS or RAGZRS."
  type        = string
  default     = "ZRS"

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "GZRS", "RAGRS", "RAGZRS"], var.replication)
    error_message = "replication must be LRS, ZRS, GRS, GZRS, RAGRS or RAGZRS."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = var.log_retention_days >= 30 && var.log_retention_days <= 730
    error_message = "log_retention_days must be from 30 to 730, as Log Analytics takes it."
  }
}

# Where orders come from

variable "public" {
  description = "Whether everybody may send orders over HTTP, without a token."
  type        = bool
  default     = false

  validation {
    condition     = !var.public || var.app_registration == null
    error_message = "Give either public or app_registration: everybody may call, or those alone who have a token."
  }
}

variable "app_registration" {
  description = "Client id of the app registration in Entra ID for which invokers have tokens; null is nobody over HTTP, unless public."
  type        = string
  default     = null
}

variable "invokers" {
  description = "Who may send orders over HTTP, with a token of theirs: client ids of their applications."
  type        = list(string)
  default     = []

  validation {
    condition     = (length(var.invokers) > 0) == (var.app_registration != null)
    error_message = "Give invokers together with app_registration: without a name in it everybody of the tenant might call."
  }
}

variable "batch_size" {
  description = "The most messages of the queue of orders that one instance takes at a time."
  type        = number
  default     = 10

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 32
    error_message = "batch_size must be from 1 to 32."
  }
}

variable "max_receive_count" {
  description = "How often a message is delivered before it goes to the poison queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 1 && var.max_receive_count <= 1000
    error_message = "max_receive_count must be from 1 to 1000."
  }
}

# Who is told

variable "workflows" {
  description = "Names of the workflows that the function runs: each has an alarm for runs that fail."
  type        = set(string)
  default     = ["order-fulfillment"]

  validation {
    condition     = length(var.workflows) > 0
    error_message = "workflows must name at least one workflow."
  }
}

variable "notify" {
  description = "Ids of the action groups that an alarm tells when it is raised and when it is over."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for group in var.notify : can(regex("/actionGroups/[^/]+$", group))])
    error_message = "notify must hold ids such as /subscriptions/.../providers/Microsoft.Insights/actionGroups/on-call."
  }
}

variable "due_age_limit" {
  description = "Seconds that a run may have been due and not taken up before an alarm is raised."
  type        = number
  default     = 300

  validation {
    condition     = var.due_age_limit >= 60
    error_message = "due_age_limit must be at least 60 seconds: alarms look once a minute."
  }
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
  default     = {}
}
