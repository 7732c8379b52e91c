from .certificates import verify_certificate
from .check import check_stage
from .synthetic import empty_well, synthetic_image

__all__ = ["check_stage", "empty_well", "synthetic_image", "verify_certificate"]
