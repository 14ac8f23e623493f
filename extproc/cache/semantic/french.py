"""French, for telling whether two questions are the same."""

from extproc.cache.semantic.grammar import Grammar, groups, months, numbered, rewrites, words

_ELIDED = {
    "l": "le", "d": "de", "j": "je", "n": "ne", "c": "ce", "m": "me", "s": "se", "t": "te", "qu": "que",
}  # fmt: skip
_ASKING = r"(?:peux tu|pourrais tu|pouvez vous|pourriez vous)"
_QUESTION = r"(?=(?:qui|que|quoi|quel|quelle|quels|quelles|où|quand|comment|pourquoi|combien)\b)"
_CAN_I = r"(?:puis je|est ce que je peux|je peux|peut on|est ce que l? ?on peut)"

FRENCH = Grammar(
    language="fr",
    marks=words(
        """le la les un une des du de est sont était étaient être a ont avait peut peux puis dois doit faut ne pas non
        plus moins et ou mais si dans en à au aux par avec sans pour avant après sur sous que qui quoi quel quelle
        quels quelles où quand comment pourquoi combien je tu il elle on nous vous ils elles me te se mon ma mes ton
        ta tes son sa ses ce cette ces tout tous moi y explique expliquez décris donne écris"""
    ),
    asking=words("qui que quoi quel quelle quels quelles où quand comment pourquoi combien que-est expliquer décris"),
    numbers={
        **numbered("zéro _ deux trois quatre cinq six sept huit _ dix onze douze treize quatorze quinze seize"),
        "vingt": "20",
        "trente": "30",
        "cent": "100",
    },
    months=months("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    synonyms=groups(
        """
        email e-mail courriel
        voiture automobile
        km kilomètre kilomètres
        kg kilogramme kilogrammes kilo kilos
        mg milligramme milligrammes
        """
    ),
    contractions=rewrites(
        [
            (r"\bs'il (?:te|vous) pla[iî]t\b", "svp"),
            *((rf"\b{short}'", f"{full} ") for short, full in _ELIDED.items()),
            (r"-t-(?=il\b|elle\b|on\b|ils\b|elles\b)", " "),
            (r"-(?=je\b|tu\b|il\b|elle\b|on\b|nous\b|vous\b|ils\b|elles\b|ce\b|moi\b|y\b)", " "),
        ]
    ),
    phrases=rewrites(
        [
            (r" ?,? ?svp$", ""),
            (r"^svp ,? ?", ""),
            (rf"^{_ASKING} me dire {_QUESTION}", ""),
            (rf"^(?:dis moi|dites moi) {_QUESTION}", ""),
            (rf"^je (?:voudrais|veux|aimerais) savoir {_QUESTION}", ""),
            (rf"^{_ASKING} me expliquer\b", "expliquer"),
            (r"^(?:explique|expliquez)(?: moi)?\b", "expliquer"),
            (rf"^(comment|où) {_CAN_I} ", r"\1 "),
            (r"^(?:que est ce que(?: ce est que)?|ce est quoi) ", "que-est "),
            (r"^il y a combien de (.+)$", r"combien de \1"),
            (r"^combien de ([^\s,]+) y a il ", r"combien de \1 "),
        ]
    ),
    decimal_comma=True,
)
