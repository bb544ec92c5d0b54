# What the Node counts, as metrics: which messages it took, and which it did not. Nothing else of the stack can tell, since
# a Node may respond to a message that it then leaves. A small container beside the Node reads the counts, and prints them
# as lines that CloudWatch makes metrics of: that needs no permission but the one to log. At most eight metrics for all
# Nodes together, since CloudWatch bills each one.

locals {
  has_node_metrics = local.own_node && var.enable_node_metrics

  node_metric_namespace  = "WallarmNode"
  node_metric_dimensions = { deployment = local.name }

  # The validations of `node_config` refuse an address that is not of this host.
  node_metrics_port = try(regex("[0-9]+$", var.node_config.metrics.listen_address), "9000")

  node_metrics_containers = [for name in ["metrics"] : {
    name  = name
    image = var.config_image
    # A Node without metrics is still a Node.
    essential = false
    # Without a period of its own, ECS does not start it again if it ends within its first five minutes.
    restartPolicy          = { enabled = true, restartAttemptPeriod = 60 }
    cpu                    = 0
    memory                 = 32
    user                   = "65534:65534"
    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    dockerSecurityOptions  = ["no-new-privileges"]
    # It starts after the Node, and so ECS stops it before: what was counted last is still read.
    dependsOn = [{ containerName = "node", condition = "START" }]
    command   = ["sh", "-c", file("${path.module}/files/node-metrics.sh")]
    environment = [
      { name = "NODE_METRICS_DEPLOYMENT", value = local.name },
      { name = "NODE_METRICS_PREFIX", value = try(var.node_config.metrics.namespace, "wallarm_gonode") },
      { name = "NODE_METRICS_URL", value = "http://127.0.0.1:${local.node_metrics_port}/metrics" },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options   = merge(local.node_log_options, { "awslogs-stream-prefix" = "metrics" })
    }
  } if local.has_node_metrics]

  node_counts = ["deployment", local.name]

  # A call that was forwarded is a request and a response, so that the lines of the first one lie on each other.
  node_metric_widgets = [for widget in [
    {
      title = "Calls sent, and processed by the Node"
      stat  = "Sum"
      metrics = [
        concat([local.metric_namespace, "recordsForwarded"], local.resend),
        concat([local.node_metric_namespace, "RequestsProcessed"], local.node_counts),
        concat([local.node_metric_namespace, "ResponsesProcessed"], local.node_counts),
        concat([local.node_metric_namespace, "MessagesSeen"], local.node_counts, [{ yAxis = "right" }]),
      ]
    },
    {
      title = "Messages that the Node did not take"
      stat  = "Sum"
      metrics = concat(
        [for metric in ["RejectedByHost", "RejectedByAddress", "RejectedOther", "Errors"] :
          concat([local.node_metric_namespace, metric], local.node_counts)
        ],
        [concat([local.node_metric_namespace, "NotTakenPercent"], local.node_counts, [{ stat = "Maximum", yAxis = "right" }])],
      )
    },
  ] : widget if local.has_node_metrics]
}
