from tinykit.budget.assessment.budgets import Budgets as Budgets, Check as Check
from tinykit.choose.briefs import (
    MISSIONS as MISSIONS,
    Mission as Mission,
    Scoreboard as Scoreboard,
    mission as mission,
    scoreboard as scoreboard,
)
from tinykit.choose.design.outcome import DesignGoal as DesignGoal, DesignOutcome as DesignOutcome
from tinykit.choose.design.run import keep_measurement as keep_measurement, run_design as run_design
from tinykit.choose.design.steps import Step as Step, follow as follow
from tinykit.choose.design.studies import (
    BASELINE as BASELINE,
    CLUSTERS as CLUSTERS,
    GRID as GRID,
    PRECISIONS as PRECISIONS,
    SPARSITIES as SPARSITIES,
    CompressionStudy as CompressionStudy,
    find_study as find_study,
    name_point as name_point,
    studies as studies,
)
from tinykit.choose.exploration.candidate import Candidate as Candidate
from tinykit.choose.exploration.exploring import explore as explore
from tinykit.choose.exploration.judging import (
    Judge as Judge,
    Judgement as Judgement,
    PricedBoard as PricedBoard,
    rank_boards as rank_boards,
    read_prices as read_prices,
)
from tinykit.choose.exploration.outlook import Outlook as Outlook, judge_on as judge_on, look_out as look_out
from tinykit.choose.exploration.space import Space as Space
from tinykit.choose.exploration.study import (
    Point as Point,
    Study as Study,
    find_trial as find_trial,
    read_study as read_study,
    shipped_study as shipped_study,
)
from tinykit.choose.exploration.training_job import score_fold as score_fold
from tinykit.choose.ledger.choosing import Recommendation as Recommendation, recommend as recommend
from tinykit.choose.ledger.forms import FORMS as FORMS, Form as Form, list_runnable as list_runnable
from tinykit.choose.ledger.ledger_row import LedgerRow as LedgerRow, weigh_row as weigh_row
from tinykit.choose.ledger.table import Ledger as Ledger, fill_ledger as fill_ledger, open_ledger as open_ledger
from tinykit.choose.ledger.variants import ModelSizes as ModelSizes, Variant as Variant, weigh_variant as weigh_variant
