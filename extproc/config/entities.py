"""The names of what can be detected, as documents say them. `privacy.detect` has what each one is; a test compares."""

SECRETS = ("PRIVATE_KEY", "URL_WITH_CREDENTIALS", "JWT", "API_KEY", "PASSWORD")

ENTITIES = (
    *SECRETS,
    *("EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "CRYPTO", "IP_ADDRESS", "MAC_ADDRESS", "DATE_OF_BIRTH"),
    *("STREET_ADDRESS", "BANK_ACCOUNT", "PASSPORT", "PHONE_NUMBER"),
    *("US_SSN", "US_ITIN", "UK_NHS", "UK_NINO", "DE_TAX_ID", "FR_NIR", "ES_NIF", "ES_NIE", "IT_FISCAL_CODE", "NL_BSN"),
    *("BE_NATIONAL_NUMBER", "PT_NIF", "PL_PESEL", "SE_PERSONNUMMER", "FI_PERSONAL_IDENTITY_CODE", "DK_CPR"),
    *("NO_FODSELSNUMMER", "CH_AHV", "AT_SVNR", "IE_PPS", "CZ_RC", "RO_CNP", "BG_EGN", "GR_AMKA", "HR_OIB", "EE_IK"),
    *("IL_ID", "TR_TCKN", "ZA_ID", "BR_CPF", "CL_RUT", "AR_CUIT", "MX_CURP", "CA_SIN", "AU_TFN", "AU_MEDICARE"),
    *("IN_AADHAAR", "IN_PAN", "CN_RIC", "KR_RRN", "TH_PIN"),
)

ALL, ALL_SECRETS = "all", "SECRET"
"""Groups: everything that can be detected, the operator's own names included; and all of `SECRETS`."""
