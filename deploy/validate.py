#!/usr/bin/env python3
"""Checks what is deployed: the manifests against the schemas of Kubernetes, the chart rendered by Helm and against them, the
settings and rules in both by `larder check`, and what is in compose.yaml.

    deploy/validate.py LARDER        # the binary
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml
from helm_python import chart as helm

HERE = Path(__file__).parent
KUBERNETES = "1.34"


def validated(text, what):
    """The resources in a text, each of which must be what Kubernetes takes."""
    resources = [resource for resource in yaml.safe_load_all(text) if resource]
    for resource in resources:
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)
    kinds = sorted(resource["kind"] for resource in resources)
    print(f"{what}: {', '.join(kinds)}")
    return resources


def of_kind(resources, kind, suffix=""):
    found = [one for one in resources if one["kind"] == kind and one["metadata"]["name"].endswith(suffix)]
    assert found, f"no {kind} {suffix}"
    return found[0]


def check_settings(larder, settings, rules, what):
    """What the pods get must pass `larder check`, without a warning."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in rules.items():
            Path(folder, name).write_text(text)
        environment = {**settings, "LARDER_RULES": folder, "LARDER_ADMIN_TOKEN": "s3cret", "PATH": os.environ["PATH"]}
        done = subprocess.run([larder, "check"], cwd="/", env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and ": fine;" in done.stdout, f"{what}: {done.stdout}{done.stderr}"
    print(f"{what}: {done.stdout.strip()}")


def check_deployment(resources, what):
    deployment = of_kind(resources, "Deployment")
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    [container] = pod["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] and pod["spec"]["securityContext"]["runAsNonRoot"]
    for kind in ["Service", "PodDisruptionBudget"]:
        for one in [one for one in resources if one["kind"] == kind]:
            wanted = one["spec"]["selector"]
            wanted = wanted.get("matchLabels", wanted)
            assert wanted.items() <= labels.items(), f"{what}: {kind} selects {wanted}, the pods have {labels}"
            for port in one["spec"].get("ports", []):
                assert port["targetPort"] in ports, f"{what}: no port {port['targetPort']}"
    names = {one["metadata"]["name"] for one in resources if one["kind"] == "ConfigMap"}
    wanted = {source["configMapRef"]["name"] for source in container["envFrom"]}
    wanted |= {volume["configMap"]["name"] for volume in pod["spec"]["volumes"]}
    assert wanted <= names, f"{what}: {wanted - names} is used and not there"


def check_kubernetes(larder):
    resources = validated((HERE / "kubernetes/larder.yaml").read_text(), "kubernetes/larder.yaml")
    check_deployment(resources, "kubernetes/larder.yaml")
    settings = of_kind(resources, "ConfigMap", "-settings")["data"]
    rules = of_kind(resources, "ConfigMap", "-rules")["data"]
    check_settings(larder, settings, rules, "kubernetes/larder.yaml")


def check_chart(larder):
    folder = HERE / "helm/larder"
    for name, values in {
        "with a token": {"admin": {"token": "s3cret"}},
        "with all there is": {
            "admin": {"existingSecret": "mine", "hosts": ["larder.internal"]},
            "redisUrl": "redis://:pass@redis:6379",
            "upstream": {"servers": ["http://a:1", "http://b:2"]},
            "podAnnotations": {"team": "shop"},
            "nodeSelector": {"disk": "ssd"},
            "settings": {"LARDER_MEMORY_SIZE": "1GiB"},
        },
    }.items():
        with helm.Chart.load(folder) as chart:
            rendered = chart.render(values=values, name="shop", namespace="default")
        text = "\n---\n".join(rendered.values()) if isinstance(rendered, dict) else str(rendered)
        resources = validated(text, f"helm/larder {name}")
        check_deployment(resources, f"helm/larder {name}")
        settings = of_kind(resources, "ConfigMap", "-settings")["data"]
        check_settings(larder, settings, of_kind(resources, "ConfigMap", "-rules")["data"], f"helm/larder {name}")
    for values, wanted in [({}, "admin.token"), ({"admin": {"token": "x"}, "upstream": {"servers": ["a:1"]}}, "servers")]:
        try:
            with helm.Chart.load(folder) as chart:
                chart.render(values=values, name="shop", namespace="default")
        except Exception as error:  # the library has no narrower one for both
            assert wanted in str(error), f"{values}: {error}"
        else:
            raise AssertionError(f"rendered with {values}")


def check_compose(larder):
    compose = yaml.safe_load((HERE / "compose/compose.yaml").read_text())
    services = compose["services"]
    rules = {file.name: file.read_text() for file in (HERE / "compose/rules").glob("*.toml")}
    for name in ["larder-1", "larder-2"]:
        check_settings(larder, services[name]["environment"], rules, f"compose.yaml {name}")
        assert set(services[name]["depends_on"]) <= services.keys()


if __name__ == "__main__":
    binary = str(Path(sys.argv[1]).resolve())
    check_kubernetes(binary)
    check_chart(binary)
    check_compose(binary)
