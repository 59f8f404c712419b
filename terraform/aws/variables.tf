variable "name" {
  description = "Name of the function, and first part of the name of all else."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,27}$", var.name))
    error_message = "name must be 2 to 28 lower-case letters, digits and hyphens, and start with a letter: it begins the name of a bucket, which has 63."
  }
}

# What runs

variable "package" {
  description = "Path of the zip file with the function's code and Flux, as `flux build --target aws` makes it."
  type        = string
}

variable "handler" {
  description = "The handler, as module.name."
  type        = string
  default     = "app.handler"
}

variable "runtime" {
  description = "Lambda's Python runtime."
  type        = string
  default     = "python3.13"

  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13", "python3.14"], var.runtime)
    error_message = "runtime must be python3.11 or newer, such as python3.13: Flux needs Python 3.11."
  }
}

variable "architecture" {
  description = "Processor that the function runs on: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "memory_size" {
  description = "Memory of the function, in MB; its share of a processor grows with it."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240 && floor(var.memory_size) == var.memory_size
    error_message = "memory_size must be a whole number of MB from 128 to 10240."
  }
}

variable "timeout" {
  description = "Seconds that an invocation may take; what it has not finished by then goes on in another one."
  type        = number
  default     = 30

  validation {
    condition     = var.timeout >= 3 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 3 to 900."
  }
}

variable "max_instances" {
  description = "The most invocations at a time, taken from the account's; null is no limit of its own."
  type        = number
  default     = null

  validation {
    condition     = var.max_instances == null ? true : var.max_instances >= 2 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances must be null or a whole number of at least 2: orders and the tick run side by side."
  }
}

variable "environment" {
  description = "Environment variables of the function beside those that Flux needs."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setintersection(keys(var.environment), [
      "FLUX_STORE", "FLUX_QUEUE_URL", "FLUX_SCHEDULER_GROUP", "FLUX_SCHEDULER_ROLE_ARN", "POWERTOOLS_SERVICE_NAME",
    ])) == 0
    error_message = "environment must not set FLUX_STORE, FLUX_QUEUE_URL, FLUX_SCHEDULER_GROUP, FLUX_SCHEDULER_ROLE_ARN or POWERTOOLS_SERVICE_NAME: the module sets them."
  }
}

variable "tracing" {
  description = "Whether X-Ray traces the function."
  type        = bool
  default     = true
}

variable "policy_statements" {
  description = "What the workflow's own steps may do: IAM statements by their Sid, each with Action and Resource."
  type        = map(object({ Action = list(string), Resource = list(string) }))
  default     = {}

  validation {
    condition     = alltrue([for sid in keys(var.policy_statements) : can(regex("^[A-Za-z0-9]+$", sid))])
    error_message = "A Sid in policy_statements must be of letters and digits."
  }
}

# What it keeps

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
  description = "Whether values too large for an item of the table go to a bucket of their own, rather than into chunks in the table."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether the table withstands terraform destroy, and the bucket too while it holds values."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table, queues, logs, bucket and environment; null takes AWS's own keys. Its policy must let CloudWatch Logs, EventBridge and EventBridge Scheduler use it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, as arn:aws:kms:eu-central-1:123456789012:key/...: an alias is no ARN of a key."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827 and so on."
  }
}

# Where orders come from

variable "route" {
  description = "Method and path of the HTTP API's route; null is no HTTP API."
  type        = string
  default     = "POST /orders"

  validation {
    condition     = var.route == null ? true : can(regex("^(ANY|DELETE|GET|PATCH|POST|PUT) /", var.route))
    error_message = "route must be a method and a path, such as \"POST /orders\"."
  }
}

variable "public" {
  description = "Whether everybody may send orders over HTTP, rather than those who sign for execute-api:Invoke."
  type        = bool
  default     = false
}

variable "batch_size" {
  description = "The most messages of the queue of orders that one invocation takes."
  type        = number
  default     = 10

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10
    error_message = "batch_size must be from 1 to 10."
  }
}

variable "max_receive_count" {
  description = "How often a message is delivered before it goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 1 && var.max_receive_count <= 1000
    error_message = "max_receive_count must be from 1 to 1000."
  }
}

variable "event_bus_name" {
  description = "Name of the event bus whose events the rule looks through."
  type        = string
  default     = "default"
}

variable "event_pattern" {
  description = "Pattern of the events that start a run; null is no rule."
  type        = any
  default     = { source = ["shop.orders"], detail-type = ["OrderPlaced"] }

  validation {
    condition     = var.event_pattern == null ? true : can(keys(var.event_pattern)) && length(var.event_pattern) > 0
    error_message = "event_pattern must be an object such as { source = [\"shop.orders\"] }: an empty one would take every event of the bus."
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
  description = "ARNs that an alarm tells when it is raised and when it is over, such as those of SNS topics."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for target in var.notify : startswith(target, "arn:")])
    error_message = "notify must hold ARNs such as arn:aws:sns:eu-central-1:123456789012:on-call."
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
