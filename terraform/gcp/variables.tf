variable "name" {
  description = "Name of the function, and first part of the name of all else."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,19}[a-z0-9]$", var.name))
    error_message = "name must be 4 to 21 lower-case letters, digits and hyphens, start with a letter and end with no hyphen: it begins the name of a service account, which has 30."
  }
}

# What runs

variable "package" {
  description = "Path of the zip file with the function's code and Flux, as `flux build --target gcp` makes it."
  type        = string
}

variable "runtime" {
  description = "Cloud Run functions' Python runtime."
  type        = string
  default     = "python313"

  validation {
    condition     = contains(["python311", "python312", "python313", "python314"], var.runtime)
    error_message = "runtime must be python311 or newer, such as python313: Flux needs Python 3.11."
  }
}

variable "memory_size" {
  description = "Memory of the function, in MB; its share of a processor grows with it."
  type        = number
  default     = 512

  validation {
    condition     = contains([128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768], var.memory_size)
    error_message = "memory_size must be 128, 256, 512, 1024, 2048, 4096, 8192, 16384 or 32768 MB."
  }
}

variable "timeout" {
  description = "Seconds that an invocation may take; what it has not finished by then goes on in another one."
  type        = number
  default     = 30

  validation {
    condition     = var.timeout >= 3 && var.timeout <= 600 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 3 to 600: Pub/Sub waits no longer for an answer."
  }
}

variable "max_instances" {
  description = "The most invocations of each function at a time."
  type        = number
  default     = 100

  validation {
    condition     = var.max_instances >= 1 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances must be a whole number of at least 1."
  }
}

variable "environment" {
  description = "Environment variables of the function beside those that Flux needs."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment) : !startswith(name, "FLUX_")])
    error_message = "environment must not set a variable that begins with FLUX_: the module sets them."
  }
}

# What it keeps

variable "database" {
  description = "Name of a Firestore database that is there already, in native mode; null makes one of the name `name`."
  type        = string
  default     = null
}

variable "collection" {
  description = "Name of the collection of runs in the database."
  type        = string
  default     = "flux-runs"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_-]*$", var.collection))
    error_message = "collection must be of letters, digits, hyphens and underscores, and start with a letter."
  }
}

variable "keep_runs_days" {
  description = "Days for which a run that has ended is kept, at least 14. A duplicate that comes later is a new run."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_runs_days >= 14 && floor(var.keep_runs_days) == var.keep_runs_days
    error_message = "keep_runs_days must be a whole number of at least 14: duplicates come that late."
  }
}

variable "large_values" {
  description = "Whether values too large for a document go to a bucket of their own, rather than into further documents."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether the database withstands terraform destroy, and the bucket too while it holds values."
  type        = bool
  default     = true
}

# Where orders come from

variable "public" {
  description = "Whether everybody may send orders over HTTP, without a token."
  type        = bool
  default     = false
}

variable "invokers" {
  description = "Who may send orders over HTTP, with a token of theirs, such as serviceAccount:shop@PROJECT.iam.gserviceaccount.com."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.invokers : can(regex("^(user|group|serviceAccount|principal|principalSet):", member))])
    error_message = "invokers must begin with user:, group:, serviceAccount:, principal: or principalSet:; public lets in everybody."
  }
}

variable "operators" {
  description = "Who may send commands to the control function from outside, with a token of theirs, such as group:on-call@shop.example."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount|principal|principalSet):", member))])
    error_message = "operators must begin with user:, group:, serviceAccount:, principal: or principalSet:, and are never everybody."
  }
}

variable "event_filters" {
  description = "Attributes of the events that start a run beside those of the topic, among them their type; null is no trigger."
  type        = map(string)
  default     = null

  validation {
    condition     = var.event_filters == null ? true : contains(keys(var.event_filters), "type")
    error_message = "event_filters must name a type, as { type = \"google.cloud.storage.object.v1.finalized\", bucket = \"orders\" }."
  }
}

variable "max_receive_count" {
  description = "How often a message is delivered before it goes to the dead-letter topic."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 5 && var.max_receive_count <= 100
    error_message = "max_receive_count must be from 5 to 100, as Pub/Sub takes it."
  }
}

variable "tick_minutes" {
  description = "Minutes between two looks for what is due and was not woken."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2, 3, 4, 5, 10, 15, 20, 30, 60], var.tick_minutes)
    error_message = "tick_minutes must be 1, 2, 3, 4, 5, 10, 15, 20, 30 or 60."
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
  description = "Names of the notification channels that an alarm tells when it is raised and when it is over."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.notify : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "notify must hold names such as projects/PROJECT/notificationChannels/1234."
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

variable "labels" {
  description = "Labels of everything that takes them."
  type        = map(string)
  default     = {}
}
