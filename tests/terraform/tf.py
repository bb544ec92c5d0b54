"""Runs Terraform in a directory of its own, against what an environment points it at."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path


class Failed(Exception):
    """A command ended as it should not; its text is what it printed."""


def plugin_directory():
    """A directory that holds the provider, or None where it is to come from the registry.

    Terraform looks into the usual places by itself, where it does not need to be told.
    """
    named = os.environ.get("TF_PLUGIN_DIR")
    for directory in [Path(named)] if named else sorted(Path("/opt").glob("*")):
        if (directory / "registry.terraform.io/hashicorp/aws").is_dir():
            return directory
    if named:
        raise Failed(f"TF_PLUGIN_DIR is {named}, which has no registry.terraform.io/hashicorp/aws")
    return None


def environment(settings):
    """Ours, without what speaks of a real account or leaves a trace in what is printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_", "TF_LOG"))}
    # A file that is not there is an error to Terraform.
    if not Path(kept.get("TF_CLI_CONFIG_FILE", ".")).is_file():
        kept.pop("TF_CLI_CONFIG_FILE", None)
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CHECKPOINT_DISABLE": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        **settings,
    }


class Terraform:
    """A copy of the configuration with its own state."""

    def __init__(self, directory, settings=None):
        self.directory = Path(directory)
        self.environment = environment(settings or {})

    @classmethod
    def copy(cls, source, directory, settings=None):
        """Copies a configuration, without what earlier runs left in it."""
        shutil.copytree(
            source,
            directory,
            ignore=shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*", "terraform.tfvars"),
        )
        return cls(directory, settings)

    def run(self, *arguments, expected=(0,)):
        """Runs a subcommand and gives what it did; what it prints is shown only where it fails."""
        command = ["terraform", *arguments]
        if arguments[0] in ("plan", "apply", "destroy", "validate", "init", "test", "show"):
            command.append("-no-color")
        started = time.monotonic()
        result = subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        result.seconds = time.monotonic() - started
        if result.returncode not in expected:
            raise Failed(f"{' '.join(command[:2])} ended with {result.returncode}:\n{result.stdout}")
        return result

    def init(self):
        plugins = plugin_directory()
        return self.run("init", *([f"-plugin-dir={plugins}"] if plugins else []))

    def json(self, *arguments):
        return json.loads(self.run(*arguments).stdout)

    def plan(self, *arguments, file="change.plan"):
        """The changes to resources that a plan has: address to actions, without what stays."""
        self.run("plan", f"-out={file}", *arguments)
        plan = self.json("show", "-json", file)
        return plan, {
            change["address"]: change["change"]["actions"]
            for change in plan.get("resource_changes", [])
            if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
        }

    def outputs(self):
        return {name: output["value"] for name, output in self.json("output", "-json").items()}

    def addresses(self):
        return self.run("state", "list").stdout.split()
