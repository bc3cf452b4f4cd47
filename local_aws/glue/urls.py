"""Where moto's server finds Glue's requests handled."""

from moto.glue.urls import url_bases

from local_aws.glue.responses import LocalGlueResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": LocalGlueResponse.dispatch}
