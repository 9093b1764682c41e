"""Several models audited in one go, and set side by side."""

from t2i_audit.many.execute import Audits, execute_audits
from t2i_audit.many.plan import AuditsPlan, PlannedAudit, plan_audits

__all__ = ["Audits", "AuditsPlan", "PlannedAudit", "execute_audits", "plan_audits"]
