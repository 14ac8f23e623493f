"""Names of what is detected. Presidio's names where it has one (https://microsoft.github.io/presidio/supported_entities/,
from memory, 2026-11-21), so that policies written for it keep their meaning.
"""

from enum import StrEnum


class Entity(StrEnum):
    """A type of personal data or secret. When two spans are equal in all else, the one named first here wins."""

    __hash__ = str.__hash__  # enums have one of their own, in Python: findings are counted by the thousand

    PRIVATE_KEY = "PRIVATE_KEY"
    URL_WITH_CREDENTIALS = "URL_WITH_CREDENTIALS"
    JWT = "JWT"
    API_KEY = "API_KEY"
    PASSWORD = "PASSWORD"  # noqa: S105

    EMAIL_ADDRESS = "EMAIL_ADDRESS"
    CREDIT_CARD = "CREDIT_CARD"
    IBAN_CODE = "IBAN_CODE"
    CRYPTO = "CRYPTO"
    IP_ADDRESS = "IP_ADDRESS"
    MAC_ADDRESS = "MAC_ADDRESS"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    STREET_ADDRESS = "STREET_ADDRESS"
    BANK_ACCOUNT = "BANK_ACCOUNT"
    PASSPORT = "PASSPORT"

    US_SSN = "US_SSN"
    US_ITIN = "US_ITIN"
    UK_NHS = "UK_NHS"
    UK_NINO = "UK_NINO"
    DE_TAX_ID = "DE_TAX_ID"
    FR_NIR = "FR_NIR"
    ES_NIF = "ES_NIF"
    ES_NIE = "ES_NIE"
    IT_FISCAL_CODE = "IT_FISCAL_CODE"
    NL_BSN = "NL_BSN"
    BE_NATIONAL_NUMBER = "BE_NATIONAL_NUMBER"
    PT_NIF = "PT_NIF"
    PL_PESEL = "PL_PESEL"
    SE_PERSONNUMMER = "SE_PERSONNUMMER"
    FI_PERSONAL_IDENTITY_CODE = "FI_PERSONAL_IDENTITY_CODE"
    DK_CPR = "DK_CPR"
    NO_FODSELSNUMMER = "NO_FODSELSNUMMER"
    CH_AHV = "CH_AHV"
    AT_SVNR = "AT_SVNR"
    IE_PPS = "IE_PPS"
    CZ_RC = "CZ_RC"
    RO_CNP = "RO_CNP"
    BG_EGN = "BG_EGN"
    GR_AMKA = "GR_AMKA"
    HR_OIB = "HR_OIB"
    EE_IK = "EE_IK"
    IL_ID = "IL_ID"
    TR_TCKN = "TR_TCKN"
    ZA_ID = "ZA_ID"
    BR_CPF = "BR_CPF"
    CL_RUT = "CL_RUT"
    AR_CUIT = "AR_CUIT"
    MX_CURP = "MX_CURP"
    CA_SIN = "CA_SIN"
    AU_TFN = "AU_TFN"
    AU_MEDICARE = "AU_MEDICARE"
    IN_AADHAAR = "IN_AADHAAR"
    IN_PAN = "IN_PAN"
    CN_RIC = "CN_RIC"
    KR_RRN = "KR_RRN"
    TH_PIN = "TH_PIN"

    PHONE_NUMBER = "PHONE_NUMBER"


SECRETS = frozenset(
    {Entity.PRIVATE_KEY, Entity.URL_WITH_CREDENTIALS, Entity.JWT, Entity.API_KEY, Entity.PASSWORD},
)
"""What is nobody's data but opens something."""
