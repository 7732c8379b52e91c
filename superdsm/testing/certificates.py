"""The independent check of certificates, for tests."""

from superdsm.certificates import verify_certificate

__all__ = ["verify_certificate"]
