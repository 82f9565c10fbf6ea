"""Every programme can be read in English and in Chinese."""

from pathlib import Path

import pytest

from tallygrid.core.programme import Programme
from tallygrid.files.programme import read_programme, read_programmes
from tallygrid.settings import Language
from tallygrid.text.programme import programme_lines


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("programme", read_programmes(), ids=lambda p: p.id)
def test_a_programme_says_what_it_pays_and_what_is_open(
    programme: Programme, language: Language
) -> None:
    lines = programme_lines(programme, language)

    assert programme.id in lines[0]
    assert not any("None" in line or "{" in line for line in lines)
    for item in programme.open:
        assert any(line.strip().startswith(item.id) for line in lines)


_INVENTED = Path(__file__).parents[1] / "invented"


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            (
                "  in force: 1 February 2026 to 31 December 2027 (30)",
                "  applications: 1 March 2026 to 31 March 2026 17:00 (8)",
                "CN¥40,000,000.00 from 1 January 2026, CN¥20,000,000.00 from 1 January 2027 (5)",
                "  paid by province, weight 1",
                "“small-contracts”: 30% from 1 January 2026, 25% from 1 January 2027 of the value",
                "    only for founded less than two years ago: yes",
                "    if one_person_company; one_person_company: a one-person company (OPC)",
                "  Value-added tax is: not included (9)",
                "  Paid to: the applicant (12)",
                "  A voucher is valid: 6 months (13)",
                "  Paid at the latest after days: 60 (12)",
                "    if company_age_months < 24; company_age_months: whole months since",
                "  the claim at which the money ends: not stated (11, silent)",
                "  least score: 60",
                "  Ceiling “with-district” on all public money: 55% (14)",
                "    of: the district",
                "  May be combined with: the district, each on the whole bill (14)",
                "    asks about allocation.last.value; nothing is issued before it is settled",
                "    may mean: part",
            ),
        ),
        (
            "zh",
            (
                "  有效期：2026年2月1日至2027年12月31日（30）",
                "  受理期：2026年3月1日至2026年3月31日 17:00（8）",
                "  出资：省级，权重 1",
                "2026年1月1日起30%、2027年1月1日起25%",
                "  券有效期：6个月（13）",
                "  可叠加使用：区级，并行计算（14）",
                "  资金不足以全额核定的最后一笔：未明确（11, silent）",
            ),
        ),
    ],
)
def test_whoever_reads_proof_finds_every_figure(language: Language, told: tuple[str, ...]) -> None:
    programme = read_programme(_INVENTED / "example-city-compute-issued.yaml")

    said = "\n".join(programme_lines(programme, language))

    assert [one for one in told if one not in said] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_invented_programmes_can_be_read_too(language: Language) -> None:
    for file in sorted(_INVENTED.glob("*.yaml")):
        lines = programme_lines(read_programme(file), language)

        assert not any("None" in line or "{" in line or "difference." in line for line in lines)


def test_a_ceiling_says_what_it_is_a_share_of() -> None:
    city = read_programme(_INVENTED / "example-city-compute-issued.yaml")
    ceiling = city.stacking.ceilings[1].model_copy(update={"of": "contract", "tax": "included"})
    stacking = city.stacking.model_copy(update={"ceilings": (ceiling,)})
    programme = city.model_copy(update={"stacking": stacking})

    english, chinese = (programme_lines(programme, one) for one in ("en", "zh"))

    assert "    Ceiling “with-district” is a share of: the contract value" in english
    assert "    Value-added tax under the ceiling “with-district” is: included" in english
    assert "    合计上限“with-district”的基数：合同金额" in chinese
    assert "    合计上限“with-district”基数的增值税：含税" in chinese
