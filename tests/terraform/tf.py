"""Runs Terraform in its own directory, against the endpoint that the environment names."""

import atexit
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path


# Where the root has what it makes.
MODULE = "module.connector."
# What earlier runs left in a configuration.
NOT_COPIED = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*", "terraform.tfvars")


class Failed(Exception):
    """A command failed; the message is its output."""


def plugin_directory():
    """A directory that contains the provider, or None if Terraform is to download it from the registry.

    Terraform itself looks in the usual places, which need no mention here.
    """
    named = os.environ.get("TF_PLUGIN_DIR")
    for directory in [Path(named)] if named else sorted(Path("/opt").glob("*")):
        if (directory / "registry.terraform.io/hashicorp/aws").is_dir():
            return directory
    if named:
        raise Failed(f"TF_PLUGIN_DIR is {named}, which has no registry.terraform.io/hashicorp/aws")
    return None


def environment(settings):
    """The environment of this process, without variables that name a real account or change the output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_", "TF_LOG"))}
    # For Terraform, a missing file is an error.
    if not Path(kept.get("TF_CLI_CONFIG_FILE", ".")).is_file():
        kept.pop("TF_CLI_CONFIG_FILE", None)
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CHECKPOINT_DISABLE": "1",
        # There is memory: collecting garbage as often as by default takes half as much of the processor's time again.
        "GOGC": "400",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        **settings,
    }


def start_provider(directory, settings):
    """Starts the provider that Terraform has installed in a directory, as one process for all of its commands, and
    returns the variable that tells them of it.

    Half of what a command costs is the start of a provider of its own. The provider ends with this process.
    """
    (program,) = directory.glob(".terraform/providers/registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws_*")
    log = directory / "provider.log"
    with log.open("w") as output:
        # The shell's input ends when this process does, however it ends.
        process = subprocess.Popen(
            ["sh", "-c", '"$0" -debug & cat; kill $!; wait', program.resolve()],
            cwd=directory,
            env=settings,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    atexit.register(process.communicate)
    until = time.monotonic() + 120
    while not (found := re.search("TF_REATTACH_PROVIDERS='(.*)'\n", log.read_text())):
        if time.monotonic() > until:
            raise Failed(f"the provider does not start: {log.read_text()}")
        time.sleep(0.1)
    return {"TF_REATTACH_PROVIDERS": found[1]}


class Terraform:
    """A copy of the configuration with its own state."""

    def __init__(self, directory, settings=None, provider=None):
        """Without a provider, it starts one of its own when it is initialized."""
        self.directory = Path(directory)
        self.environment = environment(settings or {})
        self.provider = provider or {}

    @classmethod
    def copy(cls, source, directory, settings=None):
        """Copies a configuration, without what earlier runs left in it."""
        shutil.copytree(source, directory, ignore=NOT_COPIED)
        return cls(directory, settings)

    def run(self, *arguments, expected=(0,)):
        """Runs a subcommand and returns its result. The output is shown only if it fails."""
        command = ["terraform", *arguments]
        if arguments[0] in ("plan", "apply", "destroy", "validate", "init", "test", "show"):
            command.append("-no-color")
        started = time.monotonic()
        result = subprocess.run(
            command,
            cwd=self.directory,
            # What installs a provider, and checks its version, is to know of none that runs.
            env=self.environment if arguments[0] == "init" else self.environment | self.provider,
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
        result = self.run("init", *([f"-plugin-dir={plugins}"] if plugins else []))
        if not self.provider:
            self.provider = start_provider(self.directory, self.environment)
        return result

    def json(self, *arguments):
        return json.loads(self.run(*arguments).stdout)

    def plan(self, *arguments, file="change.plan"):
        """A plan, and its changes of resources: address in the module to actions, without unchanged resources."""
        self.run("plan", f"-out={file}", *arguments)
        plan = self.json("show", "-json", file)
        return plan, {
            change["address"].removeprefix(MODULE): change["change"]["actions"]
            for change in plan.get("resource_changes", [])
            if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
        }

    def outputs(self):
        return {name: output["value"] for name, output in self.json("output", "-json").items()}

    def addresses(self):
        return self.run("state", "list").stdout.split()
