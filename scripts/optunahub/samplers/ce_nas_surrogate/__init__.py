"""The sampler in the layout of OptunaHub's registry."""

from ce_nas.integrations import SurrogateSampler

__all__ = ["SurrogateSampler"]
