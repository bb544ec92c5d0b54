# The function's own metrics. With `report_line = "metrics"`, CloudWatch makes them by itself, of a block that each report
# line then has. With `compact`, which costs less, the line has no such block, and these filters make the same metrics.

locals {
  # Fewer resources are worth more where nothing but the function is deployed; with a Node of its own, the smaller log is.
  report_line = var.report_line != null ? var.report_line : local.own_node ? "compact" : "metrics"
  is_compact  = local.report_line == "compact"

  metric_namespace = "CwResend"

  # A report line without one of these counts says that it is zero. Only report lines have a `functionName`.
  metric_counts = ["recordsReceived", "recordsForwarded", "recordsRefused", "recordsSkipped", "recordsUndelivered", "retries"]

  # Without one of these, a line says nothing of it: an event without an exchange has no latency.
  metric_values = { nodeLatencyMs = "Milliseconds", logGroupsMostlySkipped = "Count" }

  # A filter that has a dimension can't have a default, so that zeros have filters of their own. Each metric then has as
  # many values, and the same ones, as with the block. A line with the block matches none: nothing is counted twice, also
  # while a deployment changes from one form to the other.
  metric_filters = merge(
    { for name in local.metric_counts : name => {
      metric  = name, value = "$.${name}", unit = "Count"
      pattern = "{ ($.${name} = *) && ($.functionName = *) && ($._aws NOT EXISTS) }"
    } },
    { for name in local.metric_counts : "${name}-zero" => {
      metric  = name, value = "0", unit = "Count"
      pattern = "{ ($.${name} NOT EXISTS) && ($.functionName = *) && ($._aws NOT EXISTS) }"
    } },
    { for name, unit in local.metric_values : name => {
      metric  = name, value = "$.${name}", unit = unit
      pattern = "{ ($.${name} = *) && ($.functionName = *) && ($._aws NOT EXISTS) }"
    } },
  )
}

resource "aws_cloudwatch_log_metric_filter" "report" {
  for_each = local.is_compact ? local.metric_filters : {}

  name           = each.key
  log_group_name = aws_cloudwatch_log_group.function.name
  pattern        = each.value.pattern

  metric_transformation {
    name       = each.value.metric
    namespace  = local.metric_namespace
    value      = each.value.value
    unit       = each.value.unit
    dimensions = { functionName = "$.functionName" }
  }
}
