"""Where moto's server finds Athena's requests handled."""

from moto.athena.urls import url_bases

from local_aws.athena.responses import LocalAthenaResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": LocalAthenaResponse.dispatch}
