"""The values for Dagster's Helm chart, as far as they can be checked without a cluster.

What the chart makes of a code location's values is written down here after its template
``dagsterUserDeployments.k8sContainerContext``; the pod of a run is made by Dagster's own launcher.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from scripts.made_up import ROOT

pytestmark = pytest.mark.fleet

VALUES = yaml.safe_load((ROOT / "orchestrate/deploy/kubernetes/values.yaml").read_text())
INSTANCE = yaml.safe_load((ROOT / "orchestrate/dagster.yaml").read_text())
IMAGE = "registry.example.com/support-fleet:0.1.0"
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: none
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: nobody, user: {}}]
contexts: [{name: none, context: {cluster: none, user: nobody}}]
"""


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    """The pod of a run of an account."""
    from dagster import DagsterRun  # noqa: PLC0415 - slow, and for these tests alone
    from dagster_k8s import K8sRunLauncher  # noqa: PLC0415
    from dagster_k8s.container_context import K8sContainerContext  # noqa: PLC0415
    from dagster_k8s.job import construct_dagster_k8s_job  # noqa: PLC0415

    kubeconfig = tmp_path_factory.mktemp("kubernetes") / "config"
    kubeconfig.write_text(KUBECONFIG)
    given = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
    run = given["runK8sConfig"]
    launcher = K8sRunLauncher(
        service_account_name="support-fleet",
        instance_config_map="support-fleet-instance",
        postgres_password_secret=VALUES["global"]["postgresqlSecretName"],
        dagster_home="/srv/dagster/dagster_home",
        load_incluster_config=False,
        kubeconfig_file=str(kubeconfig),
        image_pull_policy=given["imagePullPolicy"],
        run_k8s_config={
            "pod_spec_config": run["podSpecConfig"],
            "job_spec_config": run["jobSpecConfig"],
            "container_config": run["containerConfig"],
        },
    )
    (location,) = VALUES["dagster-user-deployments"]["deployments"]
    of_location = {
        "image_pull_policy": location["image"]["pullPolicy"],
        "env_secrets": [secret["name"] for secret in location["envSecrets"]],
        "env": location["env"],
        "volumes": location["volumes"],
        "volume_mounts": location["volumeMounts"],
        "resources": location["resources"],
        "namespace": "support",
    }
    run_of_job = DagsterRun(job_name="acme_dixa")
    context = K8sContainerContext.create_for_run(
        run_of_job, launcher, include_run_tags=False
    ).merge(K8sContainerContext.create_from_config({"k8s": of_location}))
    job = construct_dagster_k8s_job(
        context.get_k8s_job_config(IMAGE, launcher),
        ["dagster", "api", "execute_run"],
        "dagster-run-1",
        user_defined_k8s_config=context.run_k8s_config,
    ).to_dict()
    made: dict[str, t.Any] = job["spec"]["template"]["spec"]
    return made | {"kept": job["spec"]["ttl_seconds_after_finished"]}


def test_a_run_gets_its_secrets_by_name(pod: dict[str, t.Any]) -> None:
    (container,) = pod["containers"]
    assert [it["secret_ref"]["name"] for it in container["env_from"]] == [
        "fleet-credentials",
        "fleet-meltano",
    ]
    named = {it["name"]: it for it in container["env"]}
    password = named["DAGSTER_PG_PASSWORD"]["value_from"]["secret_key_ref"]
    assert password["name"] == "fleet-postgresql"
    assert named["FLEET_ACCOUNTS"]["value"] == "/etc/fleet/defs.yaml"


def test_a_run_sees_the_accounts_and_has_room(pod: dict[str, t.Any]) -> None:
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    mounts = {it["name"]: it["mount_path"] for it in container["volume_mounts"]}
    assert mounts["accounts"] == str(Path(container_env(container)["FLEET_ACCOUNTS"]).parent)
    volumes = {it["name"]: it["config_map"]["name"] for it in pod["volumes"]}
    assert volumes["accounts"] == "fleet-accounts"
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    assert container["resources"]["requests"] == {"cpu": "250m", "memory": "512Mi"}
    assert pod["kept"] == 86400
    assert pod["security_context"]["run_as_non_root"] is True


def container_env(container: dict[str, t.Any]) -> dict[str, str]:
    return {it["name"]: it["value"] for it in container["env"] if it.get("value")}


def test_the_cluster_keeps_the_rules_of_one_machine() -> None:
    """Only how many run at once differs, and how long a pod may take to start."""
    cluster = VALUES["additionalInstanceConfig"]
    assert cluster["concurrency"]["pools"] == INSTANCE["concurrency"]["pools"]
    assert cluster["run_monitoring"].keys() == INSTANCE["run_monitoring"].keys()
    retries = VALUES["dagsterDaemon"]["runRetries"]
    assert [retries["maxRetries"], retries["retryOnAssetOrOpFailure"]] == [
        INSTANCE["run_retries"]["max_retries"],
        INSTANCE["run_retries"]["retry_on_asset_or_op_failure"],
    ]
    # The chart writes these two sections as well, unless it is told not to.
    assert VALUES["dagsterDaemon"]["runMonitoring"] == {"enabled": False}
    assert not VALUES["dagsterDaemon"]["runCoordinator"]["config"][
        "queuedRunCoordinator"
    ].keys() & {
        "maxConcurrentRuns",
        "tagConcurrencyLimits",
    }
