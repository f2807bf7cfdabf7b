# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 二、指标趋势 Trends
#
# 每项指标历年与目标。「全市合计率」是各镇街分子之和除以分母之和，大镇权重大；「中位数」一镇一票。
# 没有数据的镇街两边都不计入，表中写明有数据的镇街数。
#
# Each indicator over the years against its target. The city as one is the sum of numerators over the sum of
# denominators, in which a big town weighs more; in the median every town counts the same. A town without a figure is in
# neither, and the tables say how many have one.

# %%
from IPython.display import Markdown, display

from pipelines.analysis import trends
from pipelines.analysis.marts import open_marts
from pipelines.analysis.tables import table

# %% tags=["parameters"]
marts_folder = "../data/marts"  # 结果文件夹 published results
indicator = ""  # 指标，留空为全部 all of them
language = "zh"  # zh 或 or en

# %%
marts = open_marts(marts_folder)
titles = trends.indicators(marts, language)
chosen = [indicator] if indicator else list(titles)

# %%
trends.trends(marts, language)

# %% [markdown]
# ## 逐项 One by one
#
# 社区管理率的两条参照线是 2010 年全国和浙江的真实数据，其余见各图页脚。
#
# The two reference lines beside the community management rate are real: China and Zhejiang in 2010.

# %%
for each in chosen:
    display(Markdown(f"### {titles[each][0]}"))
    display(trends.trend(marts, each, language))
    display(table(trends.history_table(marts, each, language), language))
    display(trends.trend_of_towns(marts, each, language))
