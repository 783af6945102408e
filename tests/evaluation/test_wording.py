from mien.evaluation.metrics import ORDER, Estimate
from mien.evaluation.wording import BY_LABEL, HEADLINES, TABLE_METRICS, as_in_files, short_name, with_interval


def test_what_leads_is_measured():
    for chosen in (HEADLINES, TABLE_METRICS, BY_LABEL):
        for task, names in chosen.items():
            assert set(names) <= set(ORDER[task])


def test_a_share_is_told_in_per_cent_with_its_interval():
    assert with_interval(Estimate(0.7004, 0.6851, 0.7154)) == "70.0% (68.5-71.5)"
    assert with_interval(Estimate(0.863, 0.8251, 0.9), "nll") == "0.863 (0.825-0.900)"
    assert as_in_files(0.7004, 0.6851, 0.7154) == "0.700 (0.685 to 0.715)"


def test_narrow_columns_have_short_names():
    assert [short_name(name) for name in ("roc_auc", "tuned_macro_f1", "nll")] == ["AUC", "macro F1", "NLL"]
