"""An example of Prometheus' own configuration: how to read this service, which rules to load, where alerts go."""

from __future__ import annotations

from typing import Any

from stackledger.generate.inputs import ScrapeJob
from stackledger.generate.resolved import Resolved
from stackledger.generate.text import yaml_bytes


def render(resolved: Resolved) -> dict[str, bytes]:
    """`deploy/prometheus.yml`."""
    inputs = resolved.inputs
    document = {
        "global": {
            "scrape_interval": "15s",
            "evaluation_interval": inputs.prometheus.evaluation_interval,
            "external_labels": {"organisation": inputs.organisation},
        },
        "rule_files": list(inputs.prometheus.rule_files),
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [inputs.alertmanager.address]}]}]},
        "scrape_configs": [_job(job) for job in inputs.scrape_jobs],
    }
    return {"deploy/prometheus.yml": yaml_bytes(document)}


def _job(job: ScrapeJob) -> dict[str, Any]:
    found: dict[str, Any] = {
        "job_name": job.name,
        # Our series name the node, the cluster and the job that boards select; Prometheus must not rename them.
        "honor_labels": True,
        "scrape_interval": job.interval,
        "scrape_timeout": job.timeout,
        "sample_limit": job.sample_limit,
        "metrics_path": job.path,
        "scheme": job.scheme,
    }
    if job.params:
        found["params"] = {name: list(values) for name, values in job.params.items()}
    if job.bearer_token_file:
        found["authorization"] = {"type": "Bearer", "credentials_file": job.bearer_token_file}
    tls = {"ca_file": job.ca_file, "cert_file": job.cert_file, "key_file": job.key_file}
    if any(tls.values()):
        found["tls_config"] = {name: file for name, file in tls.items() if file}
    return found | {"static_configs": [{"targets": [job.address]}]}
