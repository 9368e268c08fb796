"""Purges by the official clients of Fastly and Cloudflare: purge_clients.py BASE TOKEN HOST ACTION. Prints the purge's id."""

import sys

import cloudflare
import fastly
from fastly.api import purge_api

base, token, host, action = sys.argv[1:]


def by_fastly():
    configuration = fastly.Configuration(host=base)
    configuration.api_token = token
    return purge_api.PurgeApi(fastly.ApiClient(configuration))


def by_cloudflare(**what):
    client = cloudflare.Cloudflare(api_token=token, base_url=f"{base}/client/v4", max_retries=0)
    return client.cache.purge(zone_id="023e105f4ecef8ad9ca31a8372d0c353", **what).id


# None: the host that is configured, not one of Fastly's own.
here = {"_host_index": None}
service = {"service_id": "SU1Z0isxPaozGVKXdv0eY", **here}
actions = {
    "fastly-url": lambda: by_fastly().purge_single_url(cached_url=f"{host}/p", **here).id,
    "fastly-key": lambda: by_fastly().purge_tag(surrogate_key="page:p", **service).id,
    "fastly-keys": lambda: by_fastly().bulk_purge_tag(surrogate_key="page:p other", **service)["page:p"],
    "fastly-soft": lambda: by_fastly().purge_tag(surrogate_key="page:p", fastly_soft_purge=1, **service).id,
    "fastly-all": lambda: by_fastly().purge_all(**service)["id"],
    "cloudflare-files": lambda: by_cloudflare(files=[f"https://{host}/p"]),
    "cloudflare-tags": lambda: by_cloudflare(tags=["page:p"]),
    "cloudflare-prefixes": lambda: by_cloudflare(prefixes=[f"{host}/p"]),
    "cloudflare-hosts": lambda: by_cloudflare(hosts=[host]),
    "cloudflare-everything": lambda: by_cloudflare(purge_everything=True),
}
try:
    print(actions[action]())
except (fastly.ApiException, cloudflare.APIStatusError) as error:
    print(f"refused: {getattr(error, 'status', None) or getattr(error, 'status_code', None)}")
