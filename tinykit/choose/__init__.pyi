from tinykit.choose.design import (
    BASELINE as BASELINE,
)
from tinykit.choose.design import (
    CLUSTERS as CLUSTERS,
)
from tinykit.choose.design import (
    GRID as GRID,
)
from tinykit.choose.design import (
    PRECISIONS as PRECISIONS,
)
from tinykit.choose.design import (
    SPARSITIES as SPARSITIES,
)
from tinykit.choose.design import (
    DesignGoal as DesignGoal,
)
from tinykit.choose.design import (
    DesignOutcome as DesignOutcome,
)
from tinykit.choose.design import (
    Rebuilt as Rebuilt,
)
from tinykit.choose.design import (
    StageComparison as StageComparison,
)
from tinykit.choose.design import (
    Step as Step,
)
from tinykit.choose.design import (
    Study as Study,
)
from tinykit.choose.design import (
    compare_stages as compare_stages,
)
from tinykit.choose.design import (
    find_study as find_study,
)
from tinykit.choose.design import (
    follow as follow,
)
from tinykit.choose.design import (
    keep_measurement as keep_measurement,
)
from tinykit.choose.design import (
    make_study as make_study,
)
from tinykit.choose.design import (
    name_point as name_point,
)
from tinykit.choose.design import (
    rebuild as rebuild,
)
from tinykit.choose.design import (
    run_design as run_design,
)
from tinykit.choose.design import (
    studies as studies,
)
from tinykit.choose.design import (
    write_checkpoints as write_checkpoints,
)
from tinykit.choose.design import (
    write_studies as write_studies,
)
from tinykit.choose.ledger import (
    FORMS as FORMS,
)
from tinykit.choose.ledger import (
    Budgets as Budgets,
)
from tinykit.choose.ledger import (
    Check as Check,
)
from tinykit.choose.ledger import (
    Form as Form,
)
from tinykit.choose.ledger import (
    Ledger as Ledger,
)
from tinykit.choose.ledger import (
    LedgerRow as LedgerRow,
)
from tinykit.choose.ledger import (
    ModelSizes as ModelSizes,
)
from tinykit.choose.ledger import (
    Recommendation as Recommendation,
)
from tinykit.choose.ledger import (
    Target as Target,
)
from tinykit.choose.ledger import (
    Variant as Variant,
)
from tinykit.choose.ledger import (
    WeightCount as WeightCount,
)
from tinykit.choose.ledger import (
    count_weights as count_weights,
)
from tinykit.choose.ledger import (
    count_zero_weights as count_zero_weights,
)
from tinykit.choose.ledger import (
    fill_ledger as fill_ledger,
)
from tinykit.choose.ledger import (
    list_forms as list_forms,
)
from tinykit.choose.ledger import (
    measure_sizes as measure_sizes,
)
from tinykit.choose.ledger import (
    open_ledger as open_ledger,
)
from tinykit.choose.ledger import (
    recommend as recommend,
)
from tinykit.choose.ledger import (
    weigh_row as weigh_row,
)
from tinykit.choose.ledger import (
    weigh_variant as weigh_variant,
)
